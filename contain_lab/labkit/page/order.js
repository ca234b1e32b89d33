// Order: a list of lines that are moved by dragging, or by the keyboard alone. See labkit/questions/puzzles.py.
//
// One item is fixed, the dashed line: what stands below it does not belong. Arrow keys go from
// line to line; Alt and an arrow key moves a line; Space takes hold of it, then arrow keys move it, Space lets go, and
// Escape puts it back. Each move is said in a live region.

const HELP = "Drag a line, or focus it and press Alt and an arrow key (or Space, arrow keys, Space). " +
  "Leave lines that do not belong below the dashed one.";

function render({ model, el }) {
  const { ask, lines } = model.get("given");
  const list = make("ol", { class: "cl-order-lines", "aria-label": "lines to put in order" });
  const live = make("p", { class: "cl-order-live", "aria-live": "assertive" });
  const said = make("p", { role: "status" });
  const ready = make("button", { type: "button" }, "Check the order");
  const end = make("li", { class: "cl-order-end" }, "below this line: left out");
  let held = null; // {before}: the line that has been taken hold of stood before this one

  const items = () => [...list.children].filter((each) => each !== end);
  const above = () => items().filter((each) => each.compareDocumentPosition(end) & Node.DOCUMENT_POSITION_FOLLOWING);
  const place = (item) => {
    const at = above().indexOf(item);
    return at < 0 ? "left out" : `place ${at + 1} of ${above().length}`;
  };

  function label() {
    for (const item of items()) {
      item.setAttribute("aria-label", `line ${item.dataset.letter}: ${item.dataset.line}. ${place(item)}`);
      item.classList.toggle("cl-order-out", !above().includes(item));
    }
  }

  function keep() { // so that a page that is loaded again shows the same order
    label();
    model.set("chosen", above().map((each) => each.dataset.letter).join(""));
    model.save_changes();
  }

  function focus(item) {
    for (const each of items()) each.tabIndex = each === item ? 0 : -1;
    item.focus();
  }

  function move(item, step) {
    const other = step < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (!other) {
      live.textContent = step < 0 ? "It is the first." : "It is the last.";
      return;
    }
    if (step < 0) item.after(other); // the other one is moved: a line that leaves its place loses the focus
    else item.before(other);
    keep();
    live.textContent = `Line ${item.dataset.letter}: ${place(item)}.`;
  }

  function take(item) {
    held = { before: item.nextElementSibling };
    item.classList.add("cl-order-held");
    live.textContent = `Line ${item.dataset.letter} is held. Arrow keys move it, Space lets go, Escape puts it back.`;
  }

  function letGo(item) {
    held = null;
    item.classList.remove("cl-order-held");
    live.textContent = `Line ${item.dataset.letter} lies at ${place(item)}.`;
  }

  function putBack(item) {
    const { before } = held;
    letGo(item);
    list.insertBefore(item, before);
    keep();
    focus(item);
    live.textContent = `Line ${item.dataset.letter} is back at ${place(item)}.`;
  }

  function pressed(event) {
    const item = event.target.closest("li");
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const all = items();
    if (step && (event.altKey || held)) move(item, step);
    else if (step) focus(all[Math.min(all.length - 1, Math.max(0, all.indexOf(item) + step))]);
    else if (event.key === " ") held ? letGo(item) : take(item);
    else if (event.key === "Escape" && held) putBack(item);
    else if (event.key === "Enter") ready.click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function draggable(item) {
    item.draggable = true;
    item.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("text/plain", item.dataset.line);
      item.classList.add("cl-order-held");
    });
    item.addEventListener("dragend", () => {
      item.classList.remove("cl-order-held");
      keep();
      focus(item);
      live.textContent = `Line ${item.dataset.letter}: ${place(item)}.`;
    });
    item.addEventListener("keydown", pressed);
    item.addEventListener("blur", () => { if (held) letGo(item); });
  }

  list.addEventListener("dragover", (event) => {
    const moved = list.querySelector(".cl-order-held");
    const over = event.target.closest("li");
    if (!moved) return;
    event.preventDefault();
    if (!over || over === moved || over.parentElement !== list) return;
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(moved);
    else over.after(moved);
  });

  const first = model.get("chosen");
  const chosen = [...first].map((letter) => lines.find((line) => line[0] === letter));
  const others = lines.filter((line) => !first.includes(line[0]));
  const items_of = (some) => some.map(([letter, line]) => {
    const item = make("li", { tabindex: "-1", "aria-roledescription": "line that can be moved" },
      make("span", { class: "cl-order-letter" }, letter), make("code", {}, line));
    Object.assign(item.dataset, { letter, line });
    draggable(item);
    return item;
  });
  list.append(...items_of(chosen), end, ...items_of(others));
  items()[0].tabIndex = 0;
  label();

  ready.addEventListener("click", () => {
    said.textContent = "";
    model.send({ order: above().map((each) => each.dataset.letter).join("") });
  });
  fill(el, "cl-order", make("p", { class: "cl-order-ask" }, ask), make("p", { class: "cl-order-help" }, HELP), list,
    ready, said, live);
  return hear(model, (message) => {
    said.textContent = message.said;
    said.classList.toggle("cl-order-right", message.right);
  });
}

export default { render };
