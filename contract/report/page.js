"use strict";
// A button copies the text before it, or selects it where the browser does not let it copy.
async function copy(button) {
  const text = button.previousElementSibling, status = document.getElementById("status");
  try {
    await navigator.clipboard.writeText(text.textContent);
    status.textContent = `${button.textContent}: copied`;
  } catch {
    getSelection().selectAllChildren(text);
    status.textContent = `${button.textContent}: selected`;
  }
}
for (const button of document.querySelectorAll(".copied > button"))
  button.addEventListener("click", () => copy(button));

// An address opens its breach.
function arrive() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.matches(".breach")) target.open = true;
}
addEventListener("hashchange", arrive);
arrive();
