// A question with choices: the browser's own radio buttons, so arrow keys move among them; beneath, a live region
// that says what the kernel answers. See labkit/question.py.

// What stands in backticks is code; all else is text.
function worded(tag, words) {
  return make(tag, {}, ...words.split("`").map((each, at) => (at % 2 ? make("code", {}, each) : each)));
}

function render({ model, el }) {
  const { ask, choices } = model.get("given");
  const name = unique();
  const said = make("p", { role: "status" });
  const group = make("fieldset", {}, worded("legend", ask));
  for (const [letter, choice] of choices) {
    const radio = make("input", { type: "radio", name, value: letter, id: `${name}-${letter}` });
    radio.checked = letter === model.get("chosen");
    radio.addEventListener("change", () => {
      model.set("chosen", letter);
      model.save_changes();
      model.send({ letter });
    });
    const label = worded("label", `${letter}) ${choice}`);
    label.setAttribute("for", radio.id);
    group.append(make("div", {}, radio, label));
  }
  fill(el, "cl-choice", group, said);
  return hear(model, (message) => said.replaceChildren(...worded("p", message.said).childNodes));
}

export default { render };
