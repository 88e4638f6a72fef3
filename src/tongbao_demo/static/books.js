/** Both books, the ledger's lines, and the webhooks that the shop has verified. */
import { h, yuan } from './dom.js'
import { t } from './words.js'

/** What is at each gateway: by our clearing account, and by the gateway's own book. */
export function bothBooks(clearings) {
  const row = ({ channel, account, ours, gateways, agrees }) =>
    h(
      'tr', { class: `clearing clearing_${channel}` },
      h('th', { scope: 'row', title: account }, t(`channel_${channel}`)),
      h('td', {}, yuan(ours)),
      h('td', {}, yuan(gateways)),
      h('td', { class: agrees ? 'clearing__agrees' : 'clearing__differs' }, agrees ? '✓' : '≠'),
    )
  const head = h('tr', {}, h('td'), h('th', { scope: 'col' }, t('our_book')), h('th', { scope: 'col' }, t('gateways_book')), h('td'))
  return [h('table', { class: 'clearings' }, head, ...clearings.map(row))]
}

export function ledgerLines(lines, clearings) {
  if (lines.length === 0) return [h('p', { class: 'empty' }, t('ledger_empty'))]
  return lines.map(({ debit_account, credit_account, amount }) =>
    h(
      'div',
      { class: 'posting' },
      h('span', { class: 'posting__side' }, t('debit')), account(debit_account, clearings), h('b', {}, yuan(amount)),
      h('span', { class: 'posting__side' }, t('credit')), account(credit_account, clearings), h('b', {}, yuan(amount)),
    ),
  )
}

/** An account's name; a clearing account's with the gateway where its money is. */
function account(name, clearings) {
  const at = clearings.find((each) => each.account === name)
  return h('code', { title: name }, at ? `${t(`channel_${at.channel}`)} · ${name}` : name)
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
