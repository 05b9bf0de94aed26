// What the view knows of the log: counts, and the lines that it has seen lately. Lines come as binary windows.

const PAGE = 200;
const MOST = 3000;

/** ask(op, payload) resolves with an answer of the kernel. onChange is called when something new is known. */
export function logData(ask, onChange) {
  const decoder = new TextDecoder("utf-8");
  let lines = new Map();
  let rows = new Map();
  let asked = new Set();
  let failed = 0;
  const data = { total: 0, rows: 0, version: -1, generation: -1, settled: 0, saved: null };

  /** Take counts; returns whether the rows are other ones than before. */
  data.take = (state) => {
    const other = state.version !== data.version || state.generation !== data.generation;
    if (state.generation !== data.generation) lines = new Map();
    if (other) {
      rows = new Map();
      asked = new Set();
    } else if (state.rows > data.rows) asked.delete(Math.floor(Math.max(data.rows - 1, 0) / PAGE));
    Object.assign(data, state);
    return other;
  };
  /** Take a window: counts, and rows with their lines. */
  data.takeWindow = (answer) => {
    const other = data.take(answer.state);
    const [text, numbers, levels, origins] = answer.buffers;
    const view = new DataView(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    const texts = answer.count ? decoder.decode(text).split("\n") : [];
    for (let i = 0; i < answer.count; i++) {
      const line = view.getFloat64(8 * i, true);
      rows.set(answer.start + i, line);
      lines.delete(line);
      lines.set(line, { line, text: texts[i], level: levels.getUint8 ? levels.getUint8(i) : levels[i], cut: answer.cut[i] ?? 0,
        hidden: answer.hidden[i] ?? 0, origin: origins?.byteLength ? origins.getUint8(i) : -1 });
    }
    if (lines.size > MOST) for (const key of lines.keys()) {
      lines.delete(key);
      if (lines.size <= MOST / 2) break;
    }
    return other;
  };
  /** Take the few lines of a saved notebook: each in the row where it stands in the log, or one after the other. */
  data.takeSaved = (excerpt, inPlace) => {
    data.saved = [];
    for (const [line, text] of excerpt) data.saved[inPlace ? line : data.saved.length] = { line, text, level: 0, cut: 0, hidden: 0, origin: -1 };
  };
  /** The line in a row, or undefined while it is fetched. */
  data.row = (row) => {
    const entry = lines.get(rows.get(row));
    if (!entry && data.saved === null) data.fetch(Math.floor(row / PAGE));
    return entry ?? data.saved?.[row];
  };
  data.line = (line) => lines.get(line);
  data.fetch = async (page) => {
    if (asked.has(page) || Date.now() < failed) return;
    asked.add(page);
    const mine = asked;
    try {
      let start = page * PAGE;
      const end = start + PAGE;
      while (start < end && mine === asked) {
        const answer = await ask("window", { start, count: end - start });
        if (mine !== asked) return;
        data.takeWindow(answer);
        onChange();
        if (!answer.count) break;
        start += answer.count;
      }
      if (start < end) mine.delete(page);
    } catch {
      mine.delete(page);
      failed = Date.now() + 2000;
      setTimeout(onChange, 2100);
    }
    // A long scroll must not leave a trail of pages that never can be asked for again.
    if (mine.size > MOST / PAGE) mine.clear();
  };
  return data;
}
