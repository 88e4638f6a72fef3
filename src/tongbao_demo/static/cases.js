/** What is out of the ordinary about the order, and what can be decided about it. */
import { h, yuan } from './dom.js'
import { closeCase, keepRefund } from './shop.js'
import { inWords, moment, t } from './words.js'

/** Kinds that end by themselves; a surplus does unless its refund was closed. All others wait for a person. */
const END_BY_THEMSELVES = ['payment_surplus', 'refund_blocked']

/** Why the last decision about a case could not be carried out, by the case's id. */
const refused = new Map()

/** The cases, oldest first. `onDecided` is called after each try to decide one. */
export function caseCards(cases, onDecided) {
  const oldestFirst = cases.toSorted((one, other) => one.opened_at.localeCompare(other.opened_at))
  const stuck = cases.filter(({ kind }) => kind === 'refund_closed').map(({ payment_id }) => payment_id)
  const ends = ({ kind, payment_id }) => END_BY_THEMSELVES.includes(kind) && !stuck.includes(payment_id)
  return oldestFirst.map((each) => card(each, ends(each) ? null : onDecided))
}

function card(each, onDecided) {
  const hint = each.kind === 'payment_surplus' && onDecided ? 'payment_surplus_stuck' : `${each.kind}_hint`
  const isOpen = each.status === 'open'
  const when = isOpen
    ? t('case_due', { at: moment(each.due_at) })
    : t('case_closed_by', { who: inWords('by', each.closed_by), how: inWords('how', each.resolution) })
  return h(
    'div', { class: `case case_${each.status}`, 'data-case': each.id },
    h('p', { class: 'case__head' }, h('b', {}, t(each.kind)), h('span', { class: 'case__status' }, t(`case_${each.status}`))),
    h('p', {}, subject(each.detail)),
    h('p', { class: 'case__when' }, when),
    isOpen ? h('p', { class: 'case__hint' }, t(hint)) : null,
    isOpen && onDecided ? decisions(each, onDecided) : null,
    isOpen && refused.has(each.id) ? h('p', { class: 'case__refused', role: 'alert' }, refused.get(each.id)) : null,
  )
}

function subject({ amount, asked_amount, received_amount, reason }) {
  if (amount !== undefined) return yuan(amount)
  const received = received_amount === null ? '' : yuan(received_amount)
  return reason === 'wrong_amount' ? t('case_amounts', { received, asked: yuan(asked_amount) }) : received
}

function decisions(each, onDecided) {
  const button = (words, look, act) => {
    const onclick = async ({ currentTarget }) => {
      currentTarget.disabled = true
      refused.delete(each.id)
      await act().catch(({ message }) => refused.set(each.id, message || t('unreachable')))
      onDecided()
    }
    return h('button', { type: 'button', class: `case__button ${look}`, onclick }, words)
  }
  const first = each.kind === 'refund_abnormal' ? [button(t('keep_refund'), 'case__button_first', () => keepRefund(each.refund_id))] : []
  const others = each.resolutions.map((resolution) => button(inWords('do', resolution), '', () => closeCase(each.id, resolution)))
  return h('div', { class: 'case__decisions' }, ...first, ...others)
}
