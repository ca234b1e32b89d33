// Playthings: boxes to tick and a button, or a slider; beneath, a table, and a live region that says what changed.
// See labkit/namespace_play.py and labkit/start_play.py. The controls are the browser's own, so its keys work.

function table(head, rows) {
  const row = ([first, left, right]) => make("tr", left === right ? {} : { class: "cl-play-other" },
    make("th", { scope: "row" }, first), make("td", {}, left), make("td", {}, right));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head.map((each) => make("th", { scope: "col" }, each)))),
    make("tbody", {}, ...rows.map(row)));
}

function boxes(choices, tell) {
  const group = make("fieldset", {}, make("legend", {}, "Namespaces of its own"));
  for (const [name, words] of choices) {
    const id = unique();
    group.append(make("div", {}, make("input", { type: "checkbox", id, value: name }),
      make("label", { for: id }, make("b", {}, name), ` ${words}`)));
  }
  const start = make("button", { type: "button" }, "Start a process");
  start.addEventListener("click", () => {
    tell({ ticked: [...group.querySelectorAll("input:checked")].map((each) => each.value) });
  });
  return [group, start];
}

function slider(steps, tell) {
  const id = unique();
  const range = make("input", { type: "range", id, min: 0, max: steps.length - 1, value: 0 });
  const name = make("output", { for: id, "aria-live": "off" }); // the slider says it itself
  const show = () => {
    const [step, words] = steps[Number(range.value)];
    name.textContent = `${Number(range.value) + 1} of ${steps.length}: ${step} ${words}`;
    range.setAttribute("aria-valuetext", name.textContent);
    tell({ at: Number(range.value) });
  };
  range.addEventListener("input", show);
  setTimeout(show);
  return [make("label", { for: id }, "After step"), range, name];
}

function render({ model, el }) {
  const { kind, head, choices } = model.get("given");
  const said = make("p", { role: "status" });
  const seen = make("div", { class: "cl-play-seen" });
  fill(el, "cl-play", ...(kind === "slider" ? slider : boxes)(choices, (sent) => model.send(sent)), said, seen);
  return hear(model, (message) => {
    said.textContent = message.said;
    seen.replaceChildren(...(message.rows.length ? [table(head, message.rows)] : []));
  });
}

export default { render };
