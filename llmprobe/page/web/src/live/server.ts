/** The API of `llmprobe serve`, of the same origin. Every answer is a document, also an error. */

import type { ErrorDocument, ModelList, Report, Setting } from "../documents";
import { say } from "../base/words";

export type Failure = Pick<ErrorDocument, "message" | "hint">;

export class Server {
  constructor(private readonly token: string | null) {}

  report(question: { model?: string; uses: readonly string[] }): Promise<Report | Failure | null> {
    return this.post("v1/report", question);
  }

  setting(question: object, signal: AbortSignal): Promise<Setting | Failure | null> {
    return this.post("v1/setting", question, signal);
  }

  models(): Promise<ModelList | Failure | null> {
    return this.answered("v1/models", {});
  }

  private post<Answer>(path: string, body: object, signal?: AbortSignal): Promise<Answer | Failure | null> {
    const headers = { "Content-Type": "application/json" };
    return this.answered(path, { method: "POST", headers, body: JSON.stringify(body), ...(signal && { signal }) });
  }

  /** The answer or why there is none; null where the question was given up. */
  private async answered<Answer>(path: string, init: RequestInit): Promise<Answer | Failure | null> {
    const headers = new Headers(init.headers);
    if (this.token !== null) headers.set("Authorization", `Bearer ${this.token}`);
    try {
      const response = await fetch(path, { ...init, headers, cache: "no-store", credentials: "omit" });
      return (await response.json()) as Answer | Failure;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return null;
      return { message: { id: "report.no-answer", text: say("report.no-answer") }, hint: null };
    }
  }
}
