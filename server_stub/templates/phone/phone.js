// What the phone's pages share: the one form of signed texts, passkeys, and one step shown at a time.

export const facts = document.getElementById("facts").dataset;
// as crypto/seal/purpose_text.py: what changes how others show, and letters that show nothing
export const FORBIDDEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/u;

export function text(purpose, fields) {
  const lines = Object.entries(fields).map(([name, value]) => {
    if (typeof value !== "string" || [...value].length > 512 || FORBIDDEN.test(value))
      throw new Error(`${name} cannot stand in a signed text`);
    return `${name}: ${value}`;
  });
  return new TextEncoder().encode([purpose, ...lines, ""].join("\n"));
}

export const hex = (bytes) => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0")).join("");
export const unhex = (chars) => new Uint8Array(chars.match(/../g).map((pair) => parseInt(pair, 16)));
export const base64 = (bytes) => btoa(Array.from(new Uint8Array(bytes), (b) => String.fromCharCode(b)).join(""));
export const unbase64 = (chars) => Uint8Array.from(atob(chars), (c) => c.charCodeAt(0));
export const base64url = (bytes) => base64(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
export const unbase64url = (chars) => unbase64(chars.replace(/-/g, "+").replace(/_/g, "/"));
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
export const random = (size) => crypto.getRandomValues(new Uint8Array(size));
export const time = (moment) => `${moment.toISOString().slice(0, 19)}Z`;

export function show(step) {
  for (const each of document.querySelectorAll("[data-step]")) each.hidden = each.dataset.step !== step;
}

export function list(id, rows) {
  document.getElementById(id).replaceChildren(...rows.map((row) => {
    const item = document.createElement("li");
    item.textContent = row;
    return item;
  }));
}

// The sentence that says why nothing can be done here, or "".
export async function unable() {
  if (/MicroMessenger/i.test(navigator.userAgent)) return "wechat";
  if (!window.isSecureContext) return "insecure";
  if (location.origin !== facts.origin) return "address";
  const passkeys = window.PublicKeyCredential;
  if (!passkeys || !(await passkeys.isUserVerifyingPlatformAuthenticatorAvailable())) return "passkey";
  return "";
}

export class Refused extends Error {}
class Unreachable extends Error {}

export async function call(path, body) {
  let answer;
  try {
    const sent = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    answer = await fetch(path, body === undefined ? {} : sent);
  } catch (error) {
    throw new Unreachable(String(error));
  }
  const told = await answer.json();
  if (!answer.ok) throw new Refused(told.code);
  return told;
}

// The passkey signs the SHA-256 of a text; the phone asks for finger, face or screen lock.
export async function sign(credential, bytes) {
  const made = await navigator.credentials.get({ publicKey: {
    challenge: await sha256(bytes),
    rpId: facts.rp,
    allowCredentials: [{ type: "public-key", id: unbase64url(credential) }],
    userVerification: "required",
    timeout: 120000,
  } });
  return {
    text: base64(bytes),
    client_data: base64(made.response.clientDataJSON),
    authenticator_data: base64(made.response.authenticatorData),
    signature: base64(made.response.signature),
  };
}

// Do something that can fail, and say in words how it did.
export async function attempt(work) {
  const buttons = [...document.querySelectorAll("button")];
  for (const each of buttons) each.disabled = true;
  try {
    await work();
  } catch (error) {
    if (error instanceof Unreachable) show("unreachable");
    else if (error instanceof DOMException && ["NotAllowedError", "AbortError"].includes(error.name)) show("cancelled");
    else {
      document.getElementById("why").textContent = error instanceof Refused ? error.message : String(error);
      show("failed");
    }
  } finally {
    for (const each of buttons) each.disabled = false;
  }
}

export function again(work) {
  for (const each of document.querySelectorAll("[data-again]")) each.addEventListener("click", work);
}

// --- the key for pages, which never leaves this browser

function database() {
  return new Promise((done, failed) => {
    const opening = indexedDB.open("sealdesk", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onsuccess = () => done(opening.result);
    opening.onerror = () => failed(opening.error);
  });
}

async function store(mode, work) {
  const opened = await database();
  try {
    return await new Promise((done, failed) => {
      const asked = work(opened.transaction("keys", mode).objectStore("keys"));
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => failed(asked.error);
    });
  } finally {
    opened.close();
  }
}

export const keep = (name, key) => store("readwrite", (keys) => keys.put(key, name));
export const kept = (name) => store("readonly", (keys) => keys.get(name));
