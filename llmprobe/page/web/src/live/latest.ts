/** Of questions that follow each other closely only the last is asked, and only its answer counts. */

const PAUSE_MS = 60;

export class Latest {
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private running = new AbortController();

  ask(question: (signal: AbortSignal) => Promise<void>): void {
    clearTimeout(this.waiting);
    this.running.abort();
    this.running = new AbortController();
    const { signal } = this.running;
    this.waiting = setTimeout(() => void question(signal), PAUSE_MS);
  }
}
