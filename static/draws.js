/* Checks the proof of a draw in the browser, by the formula of docs/draws.md; nothing of it is asked of the server. */
(() => {
  "use strict";
  const FORMULA = "liushui-draw-1";
  const SPACE = 1n << 256n;
  const PIECE = 2000;
  const bytes = new TextEncoder();

  const hex = (buffer) => [...new Uint8Array(buffer)].map((each) => each.toString(16).padStart(2, "0")).join("");
  const hash = async (content) => hex(await crypto.subtle.digest("SHA-256", content));
  const sha = (text) => hash(bytes.encode(text));
  const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (each) => parseInt(each, 16));
  const canonical = (value) => {
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  };
  /* The hashes of many texts, in pieces, so that a long list does not stop the page. */
  const hashes = async (texts) => {
    const found = [];
    for (let n = 0; n < texts.length; n += PIECE) found.push(...await Promise.all(texts.slice(n, n + PIECE).map(sha)));
    return found;
  };

  class Refused extends Error {
    constructor(step, byte) { super(step); this.step = step; this.byte = byte; }
  }
  const must = (isSo, step, byte) => { if (!isSo) throw new Refused(step, byte); };

  const read = (raw) => {
    let proof, other;
    try {
      proof = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw));
      other = bytes.encode(canonical(proof));
    } catch { throw new Refused("canonical"); }
    const longest = Math.max(raw.length, other.length);
    for (let n = 0; n < longest; n += 1) must(raw[n] === other[n], "canonical", n);
    return proof;
  };

  const winnersOf = async (proof) => {
    const head = `${proof.seed}:${proof.root}:${proof.rules_hash}`;
    const tickets = await hashes(proof.entrants.map((entrant) => `${head}:${entrant}`));
    let left = proof.entrants.map((entrant, n) => [tickets[n], entrant]).sort((a, b) => (a[0] < b[0] ? -1 : 1)).map((each) => each[1]);
    const found = [];
    for (const [n, prize] of proof.rules.prizes.entries()) {
      const k = n + 1;
      let drawn = left;
      if (prize.one_in !== null) {
        const numbers = await hashes(left.map((entrant) => `${head}:${entrant}:${k}`));
        drawn = left.filter((_entrant, m) => BigInt(`0x${numbers[m]}`) * BigInt(prize.one_in) < SPACE);
      }
      const won = prize.count === null ? drawn : drawn.slice(0, prize.count);
      won.forEach((entrant, place) => found.push([k, place + 1, entrant]));
      const gone = new Set(won);
      left = left.filter((entrant) => !gone.has(entrant));
    }
    return found;
  };

  /* Every step in order; `passed` hears of each. Throws Refused. */
  const check = async (raw, published, passed) => {
    const proof = read(raw);
    passed("canonical");
    must(proof.formula === FORMULA, "formula");
    passed("formula");
    const { digest, ...rest } = proof;
    must(digest === await sha(canonical(rest)), "digest");
    passed("digest");
    must(/^[0-9a-f]{64}$/.test(proof.seed) && proof.commitment === await hash(unhex(proof.seed)), "commitment");
    passed("commitment");
    must(proof.rules_hash === await sha(canonical(proof.rules)), "rules_hash");
    passed("rules_hash");
    must(proof.entrants.every((each, n, list) => n === 0 || list[n - 1] < each), "root");
    must(proof.root === await sha(proof.entrants.map((each) => `${each}\n`).join("")), "root");
    passed("root");
    must(canonical(proof.winners) === canonical(await winnersOf(proof)), "winners");
    passed("winners");
    must(Object.entries(published).every(([name, value]) => !value || proof[name] === value), "published");
    passed("published");
    return proof;
  };

  const form = document.querySelector("[data-draw-check]");
  if (!form) return;
  const said = form.querySelector("[data-result]");
  const steps = new Map([...form.querySelectorAll("[data-step]")].map((item) => [item.dataset.step, item]));
  const mark = (step, level, word) => {
    const chip = steps.get(step)?.querySelector("[data-mark]");
    if (chip) { chip.className = `chip chip-${level}`; chip.textContent = word; }
  };
  const tell = (level, text) => { said.className = `note note-${level}`; said.textContent = text; said.hidden = false; };
  const published = {
    commitment: form.dataset.commitment, rules_hash: form.dataset.rulesHash, root: form.dataset.root, digest: form.dataset.digest,
  };
  let proof = null;

  const run = async (load) => {
    steps.forEach((_item, step) => mark(step, "neutral", form.dataset.wait));
    proof = null;
    let raw;
    try { raw = new Uint8Array(await load()); } catch { tell("warning", form.dataset.unread); return; }
    try {
      proof = await check(raw, published, (step) => mark(step, "success", form.dataset.good));
      tell("success", form.dataset.ok.replace("{winners}", proof.winners.length).replace("{entrants}", proof.entrants.length));
    } catch (error) {
      const step = error instanceof Refused ? error.step : [...steps.keys()].find((each) => steps.get(each).querySelector("[data-mark]").classList.contains("chip-neutral"));
      mark(step, "critical", form.dataset.bad);
      const name = steps.get(step)?.querySelector("[data-name]").textContent ?? step;
      const where = error.byte === undefined ? "" : ` ${form.dataset.byte.replace("{byte}", error.byte)}`;
      tell("critical", form.dataset.refused.replace("{step}", name) + where);
    }
  };

  const find = async (member) => {
    const place = form.querySelector("[data-found]");
    if (!proof) { place.textContent = form.dataset.first; return; }
    const numbers = Array.from({ length: proof.rules.entries }, (_none, n) => n + 1);
    const mine = (await hashes(numbers.map((n) => `${proof.rules.salt}:${member}:${n}`))).filter((each) => proof.entrants.includes(each));
    const won = proof.winners.filter((each) => mine.includes(each[2])).map((each) => proof.rules.prizes[each[0] - 1].name);
    const text = mine.length === 0 ? form.dataset.absent : won.length ? form.dataset.won.replace("{prizes}", won.join(", ")) : form.dataset.lost;
    place.textContent = `${text} ${mine.join(" ")}`;
  };

  if (!globalThis.crypto?.subtle) { tell("warning", form.dataset.insecure); return; }
  form.querySelectorAll("[data-scripted]").forEach((each) => { each.hidden = false; });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  form.querySelector("[data-check]")?.addEventListener("click", () => run(async () => {
    const answer = await fetch(form.dataset.proof);
    if (!answer.ok) throw new Error(answer.status);
    return answer.arrayBuffer();
  }));
  form.querySelector("[type=file]").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) run(() => file.arrayBuffer());
  });
  form.querySelector("[data-find]")?.addEventListener("click", () => find(form.querySelector("[name=member]").value.trim()));
})();
