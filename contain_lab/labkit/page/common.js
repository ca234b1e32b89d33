// What all scripts here begin with. Keys are for the controls of the page, not for JupyterLab's own shortcuts.

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function unique() { // an id that no other cell has: each loads this anew, so they cannot count
  return `cl-page-${Math.random().toString(36).slice(2)}`;
}

function fill(el, name, ...children) {
  el.classList.add("cl-page", name);
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  el.addEventListener("keydown", (event) => event.stopPropagation());
  el.append(...children);
}

function hear(model, answered) { // replies of the kernel, until the cell is drawn again
  model.on("msg:custom", answered);
  return () => model.off("msg:custom", answered);
}

