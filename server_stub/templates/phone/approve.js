// 用印审批: what is asked for, the document's pages, and a decision that the passkey signs.

import * as phone from "./phone.js";
import { sm3 } from "./sm3.js";
import { pixels } from "./webp.js";

const { facts, show } = phone;
const NAMES = ["origin", "request", "enterprise", "seal", "seal-name", "requester", "requester-cert", "grant", "policy",
  "document-sm3", "document-size", "document-name", "pages", "copies", "counterparty", "amount", "purpose",
  "preview-sha256", "created", "until", "nonce"];
const BLANK = /^[\p{Z}\p{M}]*$/u; // nothing of it shows
const fragment = location.hash.slice(1);
history.replaceState(null, "", location.pathname); // a key must not stay in the history

let told, bytes, asked, ready = false, choice;
const place = (id) => document.getElementById(id);
const word = (name) => document.querySelector(`[data-word="${name}"]`)?.textContent ?? name;

// The request's values, if it is in the one form; whatever else is shown comes from here.
function read(text) {
  const lines = new TextDecoder("utf-8", { fatal: true }).decode(text).split("\n");
  const right = lines.length === NAMES.length + 2 && lines[0] === "SUQIAN-SEAL-USE-REQUEST-V1" && lines.at(-1) === "";
  if (!right || !NAMES.every((name, k) => lines[k + 1].startsWith(`${name}: `))) throw new Error("not a request");
  return Object.fromEntries(NAMES.map((name, k) => [name, lines[k + 1].slice(name.length + 2)]));
}

async function begin() {
  told = await phone.call(`${location.pathname}/facts`);
  if (told.decided || told.state !== "pending") {
    place("ended").textContent = [told.decided, told.state].filter(Boolean).map(word).join(" · ");
    return show("ended");
  }
  if (!told.phones.length) return show("unpaired");
  bytes = phone.unbase64(told.request);
  asked = read(bytes);
  if (asked.origin !== facts.origin) throw new Error("another platform's request");
  for (const name of NAMES) if (place(name)) place(name).textContent = asked[name];
  const hidden = asked["document-name"].startsWith("salted-sm3 ");
  place("name").textContent = hidden ? word("hidden") : asked["document-name"];
  place("until").textContent = new Date(asked.until).toLocaleString(document.documentElement.lang);
  for (const name of ["counterparty", "amount", "purpose"])
    for (const each of [place(name), document.querySelector(`[data-for=${name}]`)]) each.hidden = !asked[name];
  show("start");
  await pages();
}

async function pageKey(digest) {
  if (/^[A-Za-z0-9_-]{43}$/.test(fragment)) return phone.unbase64url(fragment);
  for (const each of told.phones) {
    const own = each.wrapped && (await phone.kept(each.credential));
    if (!own) continue;
    const wrapped = phone.unbase64(each.wrapped);
    const theirs = await crypto.subtle.importKey("raw", wrapped.slice(0, 65), { name: "ECDH", namedCurve: "P-256" }, false, []);
    const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, own, 256);
    const info = new Uint8Array([...new TextEncoder().encode("SUQIAN-SEAL-PAGE-KEY-V1"), ...digest]);
    const base = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
    const kdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
    const key = await crypto.subtle.deriveKey(kdf, base, { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, key, wrapped.slice(65)));
  }
  return null;
}

async function opened(key, digest, number) {
  const answer = await fetch(`${location.pathname}/pages/${number}`);
  if (!answer.ok) throw new phone.Refused(`page ${number}`);
  const counted = new Uint8Array(12), more = new Uint8Array(36);
  new DataView(counted.buffer).setUint32(8, number);
  more.set(digest);
  new DataView(more.buffer).setUint32(32, number);
  const way = { name: "AES-GCM", iv: counted, additionalData: more };
  return new Uint8Array(await crypto.subtle.decrypt(way, key, await answer.arrayBuffer()));
}

function named(first) {
  const { document_name: name, salt } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(first));
  if (typeof name !== "string" || BLANK.test(name) || phone.FORBIDDEN.test(name)) throw new Error("a name that cannot be shown");
  const shown = asked["document-name"];
  const salted = new Uint8Array([...phone.unhex(salt), ...new TextEncoder().encode(name)]);
  const right = shown.startsWith("salted-sm3 ") ? `salted-sm3 ${sm3(salted)}` === shown : name === shown;
  if (right) place("name").textContent = name;
  place("other-name").hidden = right;
  return right;
}

async function pages() {
  place("sheets").replaceChildren();
  if (!told.pages && !asked["preview-sha256"]) {
    place("loading").hidden = true;
    place("no-pages").hidden = place("seen-elsewhere").hidden = false;
    return;
  }
  const digest = await phone.sha256(bytes);
  const raw = await pageKey(digest);
  if (!raw) {
    place("loading").hidden = true;
    place("no-key").hidden = false;
    return;
  }
  const digests = [];
  let right = false, left = 240e6; // pixels: crypto/seal/preview.py
  try {
    if (told.pages < 2 || !asked["preview-sha256"]) throw new Error("not a single picture");
    const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
    right = named(await opened(key, digest, 0));
    for (let number = 1; number < told.pages; number++) {
      const sheet = await opened(key, digest, number);
      digests.push(...(await phone.sha256(sheet)));
      const many = pixels(sheet);
      if ((left -= many) < 0 || !many || many > 4e6) throw new Error("a picture that is too large");
      const image = document.createElement("img");
      image.className = "page";
      image.alt = String(number);
      image.src = URL.createObjectURL(new Blob([sheet], { type: "image/webp" }));
      place("sheets").append(image);
      await image.decode(); // one after the other: ten at once do not fit into a small phone
    }
    right = phone.hex(await phone.sha256(new Uint8Array(digests))) === asked["preview-sha256"] && right;
  } catch (error) {
    console.warn(String(error));
    right = false;
  }
  place("loading").hidden = true;
  place("wrong-pages").hidden = right;
  place("whole").hidden = !right;
  place("part").hidden = !right || Number(asked.pages) === told.pages - 1;
  ready = right;
}

// The text is built here, from what this page shows.
async function approval(decision, binding) {
  const fields = {
    origin: facts.origin,
    decision,
    reason: place("reason").value.trim(),
    binding,
    request: asked.request,
    "request-sha256": phone.hex(await phone.sha256(bytes)),
  };
  for (const name of ["seal", "seal-name", "requester", "document-sm3", "document-name", "pages", "purpose", "preview-sha256"])
    fields[name] = asked[name];
  return phone.text("SUQIAN-SEAL-APPROVAL-V1", {
    ...fields, issued: phone.time(new Date()), until: asked.until, nonce: phone.hex(phone.random(16)),
  });
}

// This browser's own passkey first: another phone's is not here.
async function ownPhone() {
  for (const each of told.phones) if (await phone.kept(each.credential)) return each;
  return told.phones[0];
}

function choose(decision) {
  return phone.attempt(async () => {
    if (decision === "approve" && !ready && !(place("seen").checked && !place("seen-elsewhere").hidden)) return;
    if (decision === "reject" && !place("reason").value.trim()) return place("reason").focus();
    const own = await ownPhone();
    choice = { decision, own, text: await approval(decision, own.binding) };
    place("what-approve").hidden = decision !== "approve";
    place("what-reject").hidden = decision !== "reject";
    const named = (id) => `${document.querySelector(`dt[data-for="${id}"]`).textContent} · ${place(id).textContent}`;
    phone.list("chosen", ["name", "seal-name", "requester"].map(named));
    place("text").textContent = new TextDecoder().decode(choice.text);
    show("sure");
  });
}

async function decide() {
  const signed = await phone.sign(choice.own.credential, choice.text);
  const after = await phone.call(`${location.pathname}/decision`, { phone: choice.own.id, ...signed });
  place("said").textContent = `${word(choice.decision)} · ${word(after.state)}`;
  show("done");
}

const start = () => phone.attempt(begin);
place("approve").addEventListener("click", () => choose("approve"));
place("reject").addEventListener("click", () => choose("reject"));
place("sure").addEventListener("click", () => phone.attempt(decide));
phone.again(() => (asked ? show("start") : start()));
const why = await phone.unable();
if (why) show(why);
else await start();
