/** Money going back, as the phone shows it. */
import { h, yuan } from './dom.js'
import { t } from './words.js'

/**
 * What the buyer can still ask for: all that is left, or one cup of a drink. Cups are counted, so that asking for the
 * same one twice is the same refund.
 */
export function choices({ amount, items }, refunds) {
  const counted = refunds.filter(({ origin, state }) => origin === 'merchant' && state !== 'closed')
  const left = counted.reduce((rest, refund) => rest - refund.amount, amount)
  const cups = items.flatMap(({ reference, quantity, unit_price }) => {
    const number = 1 + counted.filter((refund) => refund.items[0]?.reference === reference).length
    return number <= quantity && unit_price < left ? [{ amount: unit_price, wish: { drink: reference, number } }] : []
  })
  return left > 0 ? [{ amount: left, wish: {} }, ...cups] : []
}

/** Each refund with how far it is. `nameOf` names the drink with an id. */
export function refundList(refunds, nameOf) {
  return h('div', { class: 'refunds' }, ...refunds.map((each) => card(each, nameOf)))
}

function card(refund, nameOf) {
  const [cup] = refund.items
  const what = refund.origin === 'surplus' ? t('refund_surplus') : cup ? nameOf(cup.reference) : t('refund_all')
  const steps = ['requested', 'sent', ending(refund)]
  const reached = ['requested', 'sent'].includes(refund.state) ? steps.indexOf(refund.state) : 2
  const step = (name, number) => h('li', { class: number <= reached ? 'refund__reached' : null }, t(`refund_is_${name}`))
  return h(
    'div', { class: `refund refund_${steps[2]}` },
    h('p', {}, h('span', {}, `${t('refund')} · ${what}`), h('b', {}, yuan(refund.amount))),
    h('ol', {}, ...steps.map(step)),
  )
}

/** What a refund comes to, as far as can be seen. What could not reach the buyer, the shop hands over itself. */
function ending({ state, handed }) {
  if (handed === 'outside') return 'outside'
  if (state === 'closed' || state === 'abnormal') return state
  return handed ?? 'succeeded'
}
