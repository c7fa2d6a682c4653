// The try-out page: create a payment as a shop's frontend would, then follow the order without a reload.
"use strict";

const POLL_MILLISECONDS = 1000;

const form = document.getElementById("checkout");
const undecided = new Set(form.dataset.undecided.split(" "));
const authorization = { Authorization: `Bearer ${form.dataset.token}` };
let watched = 0;

form.elements.order_reference.value = newReference();
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const turn = ++watched; // what was followed before is not followed any more
  const reference = form.elements.order_reference.value;
  const answer = await call("/api/payment/create", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(Object.fromEntries(new FormData(form))),
  });
  if (turn !== watched) {
    return;
  }
  show("answer", JSON.stringify(answer.body, null, 2));
  document.getElementById("result").hidden = false;
  const pay = document.getElementById("pay");
  pay.hidden = !answer.ok;
  document.getElementById("payments").replaceChildren();
  if (!answer.ok) {
    showStatus("failed", answer.body.title, answer.body.detail);
    return;
  }
  pay.href = answer.body.action_url;
  showStatus("pending", "Waiting for the payment", answer.body.message);
  follow(reference, turn);
});

async function follow(reference, turn) {
  while (turn === watched) {
    const { ok, body } = await call(`/api/orders/${encodeURIComponent(reference)}`);
    if (ok && turn === watched) {
      showStatus(body.status, `Order ${body.order_reference}: ${body.amount} ${body.currency}`, body.awaiting ?? "");
      document.getElementById("payments").replaceChildren(...body.payments.map(paymentItem));
      const isDecided = !undecided.has(body.status);
      document.getElementById("pay").hidden = isDecided;
      if (isDecided) {
        form.elements.order_reference.value = newReference();
        return;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
}

async function call(url, options = {}) {
  try {
    const response = await fetch(url, { ...options, headers: { ...options.headers, ...authorization } });
    return { ok: response.ok, body: await response.json() };
  } catch {
    return { ok: false, body: { title: "No answer", detail: "The backend does not answer; is it running?" } };
  }
}

function paymentItem(payment) {
  const item = document.createElement("li");
  item.textContent = `Payment ${payment.payment_reference}: ${payment.status}`;
  return item;
}

function showStatus(status, headline, detail) {
  const word = document.getElementById("status");
  word.textContent = status.replace("_", " ");
  word.className = `status ${status}`;
  show("headline", headline);
  show("detail", detail);
}

function show(id, text) {
  document.getElementById(id).textContent = text;
}

function newReference() {
  return `TRY-${Date.now().toString(36).toUpperCase()}`;
}
