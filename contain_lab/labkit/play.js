// Playthings: boxes to tick and a button, or a slider; beneath, a table, and a live region that says what changed.
// See namespace_play.py and start_play.py. The controls are the browser's own, so its keys work: Tab, Space, arrows.

let count = 0;

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function table(head, rows) {
  const row = ([first, left, right]) => make("tr", left === right ? {} : { class: "cl-play-other" },
    make("th", { scope: "row" }, first), make("td", {}, left), make("td", {}, right));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head.map((each) => make("th", { scope: "col" }, each)))),
    make("tbody", {}, ...rows.map(row)));
}

function boxes(model, tell) {
  const group = make("fieldset", {}, make("legend", {}, "Namespaces of its own"));
  for (const [name, words] of model.get("choices")) {
    const id = `cl-play-${(count += 1)}`;
    group.append(make("div", {}, make("input", { type: "checkbox", id, value: name }),
      make("label", { for: id }, make("b", {}, name), ` ${words}`)));
  }
  const start = make("button", { type: "button" }, "Start a process");
  start.addEventListener("click", () => {
    tell({ ticked: [...group.querySelectorAll("input:checked")].map((each) => each.value) });
  });
  return [group, start];
}

function slider(model, tell) {
  const steps = model.get("choices");
  const id = `cl-play-${(count += 1)}`;
  const range = make("input", { type: "range", id, min: 0, max: steps.length - 1, value: 0 });
  const name = make("output", { for: id });
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
  const said = make("p", { class: "cl-play-said", role: "status" });
  const seen = make("div", { class: "cl-play-seen" });
  const tell = (content) => model.send(content);
  const answered = (message) => {
    said.textContent = message.said;
    seen.replaceChildren(...(message.rows.length ? [table(model.get("head"), message.rows)] : []));
  };
  model.on("msg:custom", answered);
  el.classList.add("cl-play");
  el.setAttribute("data-lm-suppress-shortcuts", "true"); // keys are for the controls, not for JupyterLab
  el.addEventListener("keydown", (event) => event.stopPropagation());
  el.append(...(model.get("kind") === "start" ? slider : boxes)(model, tell), said, seen);
  return () => model.off("msg:custom", answered);
}

export default { render };
