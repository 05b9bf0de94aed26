// The whole log as a file, fetched from the kernel in parts.
import { h } from "./common.js";

/** ask("part", {index}) resolves with a part; the file is named after the log. */
export async function download(ask, name) {
  const parts = [];
  for (let index = 0, answer; !answer?.last; index += answer.blocks) {
    answer = await ask("part", { index });
    parts.push(answer.buffers[0]);
  }
  const address = URL.createObjectURL(new Blob(parts, { type: "text/plain;charset=utf-8" }));
  h("a", { href: address, download: `${name.replace(/[^\w.-]+/g, "-")}.log`.replace(/\.log\.log$/, ".log") }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
