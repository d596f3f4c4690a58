// 挂失: the passkey signs which seals are to be suspended.

import * as phone from "./phone.js";

const { facts, show } = phone;
let begun;

// Only this phone's passkey is told which seals there are.
async function ask() {
  const { nonce, until } = await phone.call(`${location.pathname}/begin`, {});
  const bytes = phone.text("SUQIAN-SEAL-LOSS-LIST-V1", { origin: facts.origin, binding: facts.binding, until, nonce });
  begun = await phone.call(`${location.pathname}/seals`, await phone.sign(facts.credential, bytes));
  const boxes = begun.seals.map((seal) => {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.value = seal.code;
    box.checked = true;
    label.append(box, ` ${seal.name} ${seal.code}`);
    return label;
  });
  const place = document.getElementById("seals");
  place.replaceChildren(place.querySelector("legend"), ...boxes);
  show(begun.seals.length ? "start" : "none");
}

const chosen = () => {
  const codes = [...document.querySelectorAll("#seals input:checked")].map((box) => box.value);
  return begun.seals.filter((seal) => codes.includes(seal.code));
};
const named = (seals) => seals.map((seal) => `${seal.name} ${seal.code}`);

async function report() {
  const bytes = phone.text("SUQIAN-SEAL-LOSS-V1", {
    origin: facts.origin,
    binding: facts.binding,
    seals: chosen().map((seal) => seal.code).join(" "),
    reason: document.querySelector("[name=reason]:checked").value,
    until: begun.until,
    nonce: begun.nonce,
  });
  const told = await phone.call(`${location.pathname}/report`, await phone.sign(facts.credential, bytes));
  phone.list("suspended", named(told.seals));
  show("done");
}

document.getElementById("ask").addEventListener("click", () => phone.attempt(ask));
document.getElementById("report").addEventListener("click", () => {
  if (!chosen().length) return;
  phone.list("chosen", named(chosen()));
  show("sure");
});
document.getElementById("sure").addEventListener("click", () => phone.attempt(report));
phone.again(() => show("ask"));
const why = await phone.unable();
show(why || "ask");
