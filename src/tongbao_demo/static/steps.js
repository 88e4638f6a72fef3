/** The live timeline: what happened on the phone, at the server, and to the money that goes back, in one order. */
import { h, yuan } from './dom.js'
import { clock, either, t } from './words.js'

const SETTLE = 7

/** The rows of the timeline. `events` are the phone's own: `{ name, at }`. */
export function stepRows(events, news) {
  const rows = inOrder(events, news)
  return rows.length ? rows.map(row) : [h('li', { class: 'empty' }, t('timeline_empty'))]
}

/** What happened, with milliseconds since the first; then the steps to come. */
function inOrder(events, news) {
  const [done, ahead] = serverSteps(news?.steps ?? [])
  const phone = events.map(({ name, at, detail }) => ({ kind: 'phone', at, title: t(`event_${name}`), detail }))
  const happened = [...phone, ...done, ...goingBack(news)].sort((one, other) => one.at - other.at)
  return [...happened.map((each) => ({ ...each, since: each.at - happened[0].at })), ...ahead]
}

/** The twelve steps: those that happened, and those to come. */
function serverSteps(steps) {
  const settledAt = steps.find(({ step }) => step === SETTLE)?.at
  const isDone = ({ step, at }) => at || (settledAt && step < SETTLE)
  let last = 0
  const done = steps.filter(isDone).map(({ step, title, at, detail }) => {
    // A step never comes before the one it follows from, whatever its rounded time says. One without a time was
    // overtaken: a notification that was lost.
    last = Math.max(last, Date.parse(at ?? settledAt))
    const why = !at ? '' : detail.startsWith('by_') ? t(detail) : detail
    return { kind: at ? 'done' : 'skipped', number: step, title: either(title), at: last, detail: why }
  })
  const ahead = steps.filter((each) => !isDone(each))
  return [done, ahead.map(({ step, title }) => ({ kind: 'ahead', number: step, title: either(title) }))]
}

/** The refunds' steps, as the webhooks told of them, and the cases. */
function goingBack(news) {
  const refunds = (news?.webhooks ?? []).filter(({ body }) => body.data.refund).map(({ body }) => ({
    kind: 'back', at: Date.parse(body.timestamp), title: t(`event_${body.type}`), detail: yuan(body.data.refund.amount),
  }))
  const cases = (news?.cases ?? []).flatMap(({ kind, opened_at, closed_at }) => [
    { kind: 'case', at: Date.parse(opened_at), title: t('event_case_opened'), detail: t(kind) },
    ...(closed_at ? [{ kind: 'case', at: Date.parse(closed_at), title: t('event_case_closed'), detail: t(kind) }] : []),
  ])
  return [...refunds, ...cases]
}

const SIGNS = { phone: '', back: '↩', case: '!' }

function row({ kind, at, since, number, title, detail }) {
  return h(
    'li',
    { class: `step step_${kind}` },
    h('span', { class: 'step__dot' }, String(number ?? SIGNS[kind])),
    h('span', { class: 'step__title' }, h('span', {}, title), detail ? h('small', {}, detail) : null),
    at && kind !== 'skipped' ? h('time', { title: clock(at) }, `+${(since / 1000).toFixed(3)} s`) : null,
  )
}
