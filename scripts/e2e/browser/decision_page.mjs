// The decision page as people meet it. Run by ../decision_page.py, against the functions at COUNTERSIGN_URL.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";

const need = createRequire(`${process.env.NODE_MODULES}/`);
const { chromium } = need("playwright-core");
const AXE = fs.readFileSync(need.resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const URL = process.env.COUNTERSIGN_URL;

async function api(method, path, key, body) {
  const headers = { authorization: `Bearer ${key}`, "x-tenant-id": process.env.ACME_TENANT };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(URL + path, { method, headers, ...sent });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

const CALL = { tool: "deploy", server: "ci", arguments: { service: "billing", replicas: 3, deep: { list: [1, "two", null] } } };

/** A request of the agent's, with a link to it for the approver. */
async function linked(changes = {}) {
  const body = { tool_call: CALL, reason: "Release 4.2\nAsked for by finance", ...changes };
  const { id } = await api("POST", "/api/v1/approvals", process.env.ACME_AGENT_KEY, body);
  const { url } = await api("POST", `/api/v1/approvals/${id}/links`, process.env.ACME_APPROVER_KEY, {});
  return { id, url };
}

const standing = ({ id }) => api("GET", `/api/v1/approvals/${id}`, process.env.ACME_AGENT_KEY);

/** Until the page has said how it stands. */
async function settled(page) {
  await page.waitForFunction(() => {
    const notice = document.getElementById("notice").textContent;
    return (notice && !/^(Loading|Sending)/.test(notice)) || !document.getElementById("failure").hidden;
  });
}

const notice = (page) => page.textContent("#notice");

async function opened(browser, url, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && page.complaints.push(message.text()));
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  await page.goto(url);
  await settled(page);
  return page;
}

async function byClick(browser) {
  const asked = await linked({ required_approvals: 2 });
  const page = await opened(browser, asked.url);
  assert.ok(!page.url().includes("csl_"), "the secret has left the address bar");
  const shown = await page.innerText("main");
  for (const text of ["deploy", "billing", "Asked for by finance", "agent:dev-agent", "no policy was consulted"]) assert.ok(shown.includes(text), text);
  const decisions = [];
  page.on("request", (request) => request.url().endsWith(asked.id) && request.method() === "POST" && decisions.push(request));
  await page.fill("#note", "from my phone");
  await page.dblclick("#approve");
  await settled(page);
  assert.match(await notice(page), /^You approved this request. It waits for 1 more person/);
  assert.equal(decisions.length, 1, "a double click is one decision");
  assert.deepEqual(page.complaints, []);
  const { approvals, decisions: votes } = await standing(asked);
  assert.deepEqual([approvals, votes[0].note], [1, "from my phone"]);
  const again = await opened(browser, asked.url);
  assert.match(await notice(again), /^This link does not work/);
}

async function byKeyboard(browser) {
  const asked = await linked();
  const page = await opened(browser, asked.url);
  const order = [];
  for (let press = 0; press < 3; press += 1) {
    await page.keyboard.press("Tab");
    order.push(await page.evaluate(() => document.activeElement.id));
  }
  assert.deepEqual(order, ["note", "approve", "deny"]);
  await page.keyboard.press("Enter");
  await settled(page);
  assert.match(await notice(page), /^You denied this request/);
  assert.equal((await standing(asked)).status, "DENIED");
}

async function whatHides(browser) {
  const reason = "pay \u202eecila\u202c <img src=x onerror=alert(1)> \u200bnow";
  const asked = await linked({ reason, tool_call: { tool: "<b>pay</b>", arguments: { "to\u200b": "alice\u202ebob" } } });
  const page = await opened(browser, asked.url);
  const shown = await page.innerText("main");
  for (const text of ["⟨U+202E⟩", "⟨U+200B⟩", "<img src=x", "<b>pay</b>"]) assert.ok(shown.includes(text), text);
  assert.doesNotMatch(shown, /[\u202e\u202c\u200b]/);
  assert.ok((await page.isHidden("#approve")) && (await page.isVisible("#deny")), "it can be denied alone");
}

async function prefetched(browser) {
  const asked = await linked();
  const page = await browser.newPage();
  await page.goto(`${URL}/health`);
  const fetched = page.waitForResponse((answer) => answer.url().includes(asked.id));
  await page.setContent(`<link rel="prefetch" href="${asked.url}">`);
  assert.equal((await fetched).status(), 200);
  assert.equal((await standing(asked)).version, 1);
  assert.match(await notice(await opened(browser, asked.url)), /^This request waits/);
}

/** Where a frame with this address ends up, in a page of another origin. */
async function framedAs(browser, address) {
  const page = await browser.newPage();
  await page.goto(`${URL.replace("127.0.0.1", "localhost")}/health`);
  const navigated = page.waitForEvent("framenavigated", (frame) => frame !== page.mainFrame() && frame.url() !== "about:blank");
  await page.setContent(`<iframe src="${address}"></iframe>`);
  return (await navigated).url();
}

async function framed(browser) {
  const { url } = await linked();
  assert.equal(await framedAs(browser, `${URL}/health`), `${URL}/health`);
  assert.match(await framedAs(browser, url), /^chrome-error:/);
}

async function askedByPolicy(browser) {
  const body = { tool_call: { tool: "deploy", arguments: {} } };
  const { approval } = await api("POST", "/api/v1/tool-calls", process.env.ACME_AGENT_KEY, body);
  const { url } = await api("POST", `/api/v1/approvals/${approval.id}/links`, process.env.ACME_APPROVER_KEY, {});
  assert.match(await (await opened(browser, url)).innerText("#facts"), /policy, version \d+/);
}

/** What axe would say; the page's own policy would refuse it otherwise, so it must have been opened past that. */
async function inspected(page, name) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate((rules) => axe.run(document, { runOnly: rules }), RULES);
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.failureSummary)}`), [], name);
}

/** In each way of looking at it: nothing to scroll sideways to, and nothing axe would say. */
async function lookedAt(browser) {
  const long = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`key${n}`, "x".repeat(n * 10)]));
  const asked = await linked({ tool_call: { tool: "a.name.that.goes.on.and.on.without.any.break.to.be.found.in.it", arguments: long } });
  const hidden = await linked({ reason: "a\u202eb" });
  const voted = await linked({ required_approvals: 2 });
  await api("POST", `/api/v1/approvals/${voted.id}/approve`, process.env.ACME_SECOND_APPROVER_KEY, { note: "fine by me" });
  const sizes = [375, 1280].flatMap((width) => ["light", "dark"].map((colorScheme) => ({ viewport: { width, height: 800 }, colorScheme })));
  for (const options of sizes) {
    const name = `${options.viewport.width} px, ${options.colorScheme}`;
    const page = await opened(browser, asked.url, options);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: scrolls sideways`);
    for (const url of [asked.url, hidden.url, voted.url, `${URL}/decide/${asked.id}`]) {
      await inspected(await opened(browser, url, { ...options, bypassCSP: true }), name);
    }
    // A failure, and a decision that was taken.
    const decided = await linked();
    const deciding = await opened(browser, decided.url, { ...options, bypassCSP: true });
    await deciding.context().setOffline(true);
    await deciding.click("#approve");
    await deciding.waitForSelector("#failure:not([hidden])");
    await inspected(deciding, `${name}, after a failure`);
    await deciding.context().setOffline(false);
    await deciding.click("#approve");
    await deciding.waitForFunction(() => /^You approved/.test(document.getElementById("notice").textContent));
    await inspected(deciding, `${name}, decided`);
  }
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
try {
  for (const check of [byClick, byKeyboard, whatHides, askedByPolicy, prefetched, framed, lookedAt]) {
    await check(browser);
    console.log(`the page in a browser: ${check.name}`);
  }
} finally {
  await browser.close();
}
