// Pairing: a passkey and a key for pages are made here, and proved to the computer by its secret.

import * as phone from "./phone.js";

const { facts, show } = phone;
const secret = location.hash.slice(1);
history.replaceState(null, "", location.pathname); // it must not stay in the history

function called() {
  const found = navigator.userAgent.match(/iPhone|iPad|(?:Android|HarmonyOS|OpenHarmony)[^;)]*(?:; [^;)]+)?/);
  return (found ? found[0] : navigator.platform || "phone").replace(/[^\x20-\x7e]/g, "").slice(0, 60) || "phone";
}

async function pair() {
  const made = await navigator.credentials.create({ publicKey: {
    rp: { id: facts.rp, name: facts.provider },
    user: { id: phone.random(16), name: facts.person, displayName: facts.person },
    challenge: phone.unhex(facts.nonce),
    pubKeyCredParams: [{ type: "public-key", alg: -7 }],
    authenticatorSelection: { authenticatorAttachment: "platform", userVerification: "required", residentKey: "preferred" },
    attestation: "none",
    timeout: 120000,
  } });
  const data = new Uint8Array(made.response.getAuthenticatorData());
  const size = data[53] * 256 + data[54];
  const cose = data.slice(55 + size);
  const pages = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
  const point = await crypto.subtle.exportKey("raw", pages.publicKey);
  const credential = phone.base64url(data.slice(55, 55 + size));
  const proof = phone.text("SUQIAN-SEAL-PHONE-PROOF-V1", {
    origin: facts.origin,
    pairing: facts.pairing,
    credential,
    "key-es256": phone.hex(cose.slice(10, 42)) + phone.hex(cose.slice(45, 77)),
    "key-ecdh": phone.hex(point).slice(2),
    aaguid: phone.hex(data.slice(37, 53)),
    backup: data[32] & 0x10 ? "synced" : data[32] & 0x08 ? "eligible" : "none",
    phone: called(),
    nonce: facts.nonce,
  });
  const key = await crypto.subtle.importKey("raw", phone.unbase64url(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, proof));
  await phone.keep(credential, pages.privateKey);
  await phone.call(`${location.pathname}/answer`, {
    proof: phone.base64(proof),
    mac: phone.base64(mac),
    client_data: phone.base64(made.response.clientDataJSON),
    authenticator_data: phone.base64(data),
  });
  const number = mac.slice(0, 8).reduce((all, byte) => (all << 8n) | BigInt(byte), 0n);
  document.getElementById("digits").textContent = String(number % 1000000n).padStart(6, "0");
  show("digits");
  await bound();
}

async function bound() {
  for (;;) {
    await new Promise((done) => setTimeout(done, 2000));
    const told = await phone.call(`${location.pathname}/state`);
    if (told.phone) {
      document.getElementById("loss").href = `/m/l/${told.phone}`;
      return show("done");
    }
  }
}

const why = await phone.unable();
const start = () => show(why || (/^[A-Za-z0-9_-]{22}$/.test(secret) ? "start" : "nosecret"));
document.getElementById("pair").addEventListener("click", () => phone.attempt(pair));
phone.again(start);
start();
