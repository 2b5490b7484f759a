"use strict";
// A breach is laid out when it is opened: ten thousand of them open no slower than ten. Text is set as text, never as HTML.
const ROWS = Number(document.body.dataset.rows), parts = [];
function line(number) {
  const part = Math.floor(number / ROWS);
  parts[part] ||= document.querySelectorAll("script.data")[part].textContent.trim().split("\n");
  return JSON.parse(parts[part][number % ROWS]);
}
const make = (name, text, ...inside) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...inside);
  return made;
};

// The parts of two token lists, each with whether it is alike: equal ends, then the longest common subsequence.
const MOST = 1500;
function compare(left, right) {
  let begin = 0, end = 0;
  const shorter = Math.min(left.length, right.length);
  while (begin < shorter && left[begin] === right[begin]) begin++;
  while (end < shorter - begin && left[left.length - 1 - end] === right[right.length - 1 - end]) end++;
  const a = left.slice(begin, left.length - end), b = right.slice(begin, right.length - end);
  const same = [new Set(), new Set()];
  if (a.length <= MOST && b.length <= MOST) {
    const width = b.length + 1, best = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--)
        best[i * width + j] = a[i] === b[j] ? best[(i + 1) * width + j + 1] + 1
          : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
    for (let i = 0, j = 0; i < a.length && j < b.length;)
      if (a[i] === b[j]) { same[0].add(i++ + begin); same[1].add(j++ + begin); }
      else if (best[(i + 1) * width + j] >= best[i * width + j + 1]) i++; else j++;
  }
  return [left, right].map((tokens, side) => tokens.map((token, i) =>
    [token, i < begin || i >= tokens.length - end || same[side].has(i)]));
}

// JSON's white space between tokens makes no difference.
const tokens = (text) => text.match(/"(?:[^"\\]|\\.)*"|[\p{L}\p{N}_.+-]+|\s+|[^]/gu) || [];
function marked(left, right) {
  const sides = [left, right].map(tokens), solid = sides.map((side) => side.filter((token) => token.trim()));
  return compare(...solid).map((parts, side) => {
    const shown = document.createElement("pre");
    let next = 0;
    for (const token of sides[side]) {
      const [, alike] = token.trim() ? parts[next++] : [token, true];
      shown.append(alike ? token : make("mark", token));
    }
    if (!shown.textContent) shown.textContent = "nothing";
    return shown;
  });
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  document.getElementById("status").textContent = `${button.textContent}: copied`;
  const before = button.dataset.text;
  button.textContent = "copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}

function copied(name, text) {
  const button = make("button", `copy ${name}`);
  button.type = "button";
  button.dataset.text = `copy ${name}`;
  button.addEventListener("click", () => copy(text, button));
  const row = make("div", "", make("pre", text), button);
  row.className = "copied";
  return row;
}

function open(breach) {
  const known = line(breach.dataset.number), clause = breach.closest(".clause");
  const all = make("div");
  for (const name of ["statement", "source"]) all.append(make("p", clause.querySelector(`.${name}`).textContent));
  const facts = make("dl");
  for (const [name, text] of known.facts) facts.append(make("dt", name), make("dd", text));
  all.append(facts, make("h4", "see it again"));
  for (const [name, text] of known.copied) all.append(copied(name, text));
  for (const [ours, left, theirs, right] of known.pairs) {
    const texts = marked(left, right), pair = make("div");
    pair.className = "pair";
    pair.append(make("div", "", make("h4", ours), texts[0]), make("div", "", make("h4", theirs), texts[1]));
    all.append(pair);
  }
  all.append(make("h4", "on the wire"));
  for (const [name, text] of known.wire) all.append(make("p", name), make("pre", text));
  all.append(make("h4", "smallest case"), copied("case", known.case));
  breach.append(all);
}

document.addEventListener("toggle", ({ target }) => {
  if (target.open && target.matches(".breach") && target.children.length === 1) open(target);
}, true);

function more(button) {
  const end = Number(button.dataset.end);
  let next = Number(button.dataset.next);
  for (const last = Math.min(end, next + ROWS); next < last; next++) {
    const { head } = line(next), level = make("span", head.level), seen = make("span", head.seen), breach = make("details");
    level.className = head.state;
    seen.className = "quiet";
    breach.className = "breach";
    breach.id = head.id;
    breach.dataset.number = next;
    breach.append(make("summary", "", level, ` ${head.message} `, seen));
    button.before(breach);
  }
  button.dataset.next = next;
  if (next === end) button.remove();
}
for (const button of document.querySelectorAll(".more")) button.addEventListener("click", () => more(button));

function arrive() {
  const there = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (there && there.matches(".breach")) there.open = true;
}
addEventListener("hashchange", arrive);
arrive();
