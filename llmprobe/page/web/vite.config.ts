// One script and one style sheet, the same bytes wherever they are built: `llmprobe report` puts them into its file.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  publicDir: false,
  build: {
    outDir: "../built",
    emptyOutDir: true,
    target: ["chrome111", "firefox114", "safari16.4"],
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: {
      input: "src/main.ts",
      output: { format: "iife", entryFileNames: "page.js", assetFileNames: "page.[ext]" },
    },
  },
});
