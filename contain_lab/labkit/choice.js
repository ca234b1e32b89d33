// A question with choices: the browser's own radio buttons, so arrow keys move among them; beneath, a live region
// that says what the kernel answers. See question.py.

let count = 0;

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// What stands in backticks is code; all else is text.
function worded(tag, words) {
  return make(tag, {}, ...words.split("`").map((each, at) => (at % 2 ? make("code", {}, each) : each)));
}

function render({ model, el }) {
  const name = `cl-choice-${(count += 1)}`;
  const said = make("p", { class: "cl-choice-said", role: "status" });
  const group = make("fieldset", {}, worded("legend", model.get("ask")));
  for (const [letter, choice] of model.get("choices")) {
    const radio = make("input", { type: "radio", name, value: letter, id: `${name}-${letter}` });
    radio.checked = letter === model.get("letter");
    radio.addEventListener("change", () => {
      model.set("letter", letter);
      model.save_changes();
      model.send({ letter });
    });
    const label = worded("label", `${letter}) ${choice}`);
    label.setAttribute("for", radio.id);
    group.append(make("div", {}, radio, label));
  }
  const answered = (message) => said.replaceChildren(...worded("p", message.said).childNodes);
  model.on("msg:custom", answered);
  el.classList.add("cl-choice");
  el.setAttribute("data-lm-suppress-shortcuts", "true"); // keys are for the controls, not for JupyterLab
  el.addEventListener("keydown", (event) => event.stopPropagation());
  el.append(group, said);
  return () => model.off("msg:custom", answered);
}

export default { render };
