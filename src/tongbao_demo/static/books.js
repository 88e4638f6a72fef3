/** The ledger's lines, and the webhooks that the shop has verified. */
import { h, yuan } from './dom.js'
import { t } from './words.js'

export function ledgerLines(lines) {
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

/** Newest first, that one unfolded. */
export function webhookList({ webhooks, deliveries }) {
  if (webhooks.length === 0) return [h('p', { class: 'empty' }, t('webhook_empty'))]
  const newestFirst = webhooks.toSorted((one, other) => other.body.timestamp.localeCompare(one.body.timestamp))
  return newestFirst.map(({ id, body }, place) => {
    const delivery = deliveries.find(({ event_id, state }) => event_id === id && state === 'delivered')
    return h(
      'details',
      { class: 'webhook', open: place === 0 },
      h('summary', {}, h('b', {}, body.type), h('span', { class: 'webhook__verified' }, `✓ ${t('verified')}`)),
      h('p', { class: 'webhook__id' }, id, delivery ? ` · ${t('delivery', delivery)}` : ''),
      h('pre', {}, JSON.stringify(body, null, 2)),
    )
  })
}
