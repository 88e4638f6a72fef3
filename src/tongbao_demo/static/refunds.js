/** Money going back, as the devices show it. */
import { h, yuan } from './dom.js'
import { buttonsOf, icon, message, nameOf } from './parts.js'
import { openRefundDialog } from './sheets.js'
import { askBack } from './shop.js'
import { t } from './words.js'

/**
 * The page of an order that is paid: its refunds, and a way to ask for one while something is left.
 *
 * @param {{ title: string, words: Node | string, next: Node, wish: string }} says
 * @param {{ order: object, refunds: object[], drinks: object[], session: () => Promise<string | null> }} about whose
 *   session asks for money back; null where it is the shop's own people
 */
export function paidPage(screen, file, { title, words, next, wish }, { order, refunds, drinks, session }) {
  const { secondary, guarded } = buttonsOf(screen)
  const ask = async (wanted) => {
    file.note('refund')
    await askBack(await session(), order.id, wanted)
    file.hurry()
  }
  const left = choices(order, refunds)
  const named = left.map((each) => ({ ...each, words: each.wish.drink ? t('one_cup', { drink: nameOf(drinks, each.wish.drink) }) : t('all_left') }))
  const choose = () => openRefundDialog(screen, named, (choice) => guarded(() => ask(choice.wish))())
  const shown = message(icon('success'), title, order.amount, words, next, ...(left.length ? [secondary(wish, choose)] : []))
  if (refunds.length) shown.lastChild.before(h('div', { class: 'refunds' }, ...refunds.map((each) => card(each, drinks))))
  return shown
}

/**
 * What the buyer can still ask for: all that is left, or one cup of a drink. Cups are counted, so that asking for the
 * same one twice is the same refund.
 */
function choices({ amount, items }, refunds) {
  const counted = refunds.filter(({ origin, state }) => origin === 'merchant' && state !== 'closed')
  const left = counted.reduce((rest, refund) => rest - refund.amount, amount)
  const cups = items.flatMap(({ reference, quantity, unit_price }) => {
    const number = 1 + counted.filter((refund) => refund.items[0]?.reference === reference).length
    return number <= quantity && unit_price < left ? [{ amount: unit_price, wish: { drink: reference, number } }] : []
  })
  return left > 0 ? [{ amount: left, wish: {} }, ...cups] : []
}

function card(refund, drinks) {
  const [cup] = refund.items
  const what = refund.origin === 'surplus' ? t('refund_surplus') : cup ? nameOf(drinks, cup.reference) : t('refund_all')
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
