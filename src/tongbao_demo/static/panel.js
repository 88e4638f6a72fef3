/** Beside the phone: what happens behind it, as Tongbao and the shop tell it. */
import { byId, h, yuan } from './dom.js'
import { getTimeline } from './shop.js'
import { either, t } from './words.js'

const POLL_MILLISECONDS = 300
const SETTLE = 7

/** What happened on the phone: `{ name, at }`, by the phone's own clock. */
let events = []
let timeline = null
let orderId = null
let onNews = () => {}

/** Note something that happened on the phone. */
export function note(name) {
  events.push({ name, at: Date.now() })
  renderPanel()
}

/** Begin a new story. */
export function forget() {
  events = []
  orderId = timeline = null
  renderPanel()
}

/** Follow an order from now on; `told` hears whether the shop has been told that it is paid. */
export function follow(id, told) {
  orderId = id
  onNews = told
  poll(id)
}

/** Ask again and again while it is this order that is looked at, and there is something to come. */
async function poll(id) {
  while (orderId === id) {
    try {
      const news = await getTimeline(id)
      if (orderId !== id) return
      if (JSON.stringify(news) !== JSON.stringify(timeline)) {
        timeline = news
        renderPanel()
        onNews(news.is_brewing)
      }
      if (news.is_brewing && news.deliveries.every(({ state }) => state === 'delivered')) return
    } catch {
      // The server is away for a moment, or for good: the page itself says so when it matters.
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS))
  }
}

export function renderPanel() {
  const told = story()
  byId('since').textContent = told.length ? clock(told[0].at) : ''
  byId('steps').replaceChildren(...(told.length ? told.map(row) : [h('li', { class: 'empty' }, t('timeline_empty'))]))
  byId('ledger').replaceChildren(...ledger(timeline?.ledger ?? []))
  byId('webhooks').replaceChildren(...webhooks(timeline?.webhooks ?? []))
}

/** The phone's and the server's steps in the order they happened, with milliseconds since the first; then those to come. */
function story() {
  const notice = timeline?.notices.at(-1)
  const steps = (timeline?.steps ?? []).map((step) => {
    const detail = step.detail.startsWith('by_') ? t(step.detail) : step.detail
    return { number: step.step, title: either(step.title), at: step.at, detail }
  })
  const settledAt = steps.find(({ number }) => number === SETTLE)?.at
  let last = 0
  const done = steps.filter(({ number, at }) => at || (settledAt && number < SETTLE)).map((step) => {
    // A step never comes before the one it follows from, whatever its rounded time says. One without a time was
    // overtaken: a notification that was lost.
    last = Math.max(last, Date.parse(step.at ?? settledAt))
    return { ...step, at: last, isSkipped: !step.at }
  })
  const phone = events.map(({ name, at }) => ({ at, title: t(`event_${name}`) }))
  const happened = [...phone, ...done].sort((one, other) => one.at - other.at)
  const ahead = steps.slice(done.length).map(({ number, title }) => ({ number, title }))
  return [...happened.map((each) => ({ ...each, since: each.at - happened[0].at })), ...ahead]
}

function row({ at, since, number, title, detail, isSkipped }) {
  const kind = !number ? 'phone' : isSkipped ? 'skipped' : at ? 'done' : 'ahead'
  return h(
    'li',
    { class: `step step_${kind}` },
    h('span', { class: 'step__dot' }, number ? String(number) : ''),
    h('span', { class: 'step__title' }, h('span', {}, title), detail && !isSkipped ? h('small', {}, detail) : null),
    at && !isSkipped ? h('time', { title: clock(at) }, `+${(since / 1000).toFixed(3)} s`) : null,
  )
}

function ledger(lines) {
  if (lines.length === 0) return [h('p', { class: 'empty' }, t('ledger_empty'))]
  return lines.map(({ debit_account, credit_account, amount }) =>
    h(
      'div',
      { class: 'posting' },
      h('span', { class: 'posting__side' }, t('debit')), h('code', {}, debit_account), h('b', {}, yuan(amount)),
      h('span', { class: 'posting__side' }, t('credit')), h('code', {}, credit_account), h('b', {}, yuan(amount)),
    ),
  )
}

function webhooks(events) {
  if (events.length === 0) return [h('p', { class: 'empty' }, t('webhook_empty'))]
  return events.map(({ id, body }) => {
    const delivery = timeline.deliveries.find(({ event_id, state }) => event_id === id && state === 'delivered')
    return h(
      'div',
      { class: 'webhook' },
      h('p', {}, h('b', {}, body.type), h('span', { class: 'webhook__verified' }, `✓ ${t('verified')}`)),
      h('p', { class: 'webhook__id' }, id, delivery ? ` · ${t('delivery', delivery)}` : ''),
      h('pre', {}, JSON.stringify(body, null, 2)),
    )
  })
}

function clock(at) {
  const moment = new Date(at)
  return moment.toLocaleTimeString('en-GB') + '.' + String(moment.getMilliseconds()).padStart(3, '0')
}
