/** Read the document that the page came with, and show it. */

import "./style/page.css";
import type { Report } from "./documents";
import { useWords } from "./base/words";
import { showFile } from "./file";
import { showLive } from "./live/page";

const report = JSON.parse(document.getElementById("llmprobe-report")?.textContent ?? "null") as Report | null;
const root = document.getElementById("app");
if (report !== null && root !== null) {
  useWords(report.words);
  if (report.live) showLive(root, report);
  else showFile(root, report);
}
