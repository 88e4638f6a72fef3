/** What is out of the ordinary about the order, and what can be decided about it. */
import { h, yuan } from './dom.js'
import { closeCase, keepRefund } from './shop.js'
import { inWords, moment, t } from './words.js'

/** Kinds that wait for a person. The others end by themselves. */
const DECIDED_BY_PEOPLE = ['payment_held', 'refund_abnormal', 'refund_closed', 'refund_mismatch']

/** Why the last decision about a case could not be carried out, by the case's id. */
const refused = new Map()

/** The cases, oldest first. `onDecided` is called after each try to decide one. */
export function caseCards(cases, onDecided) {
  const oldestFirst = cases.toSorted((one, other) => one.opened_at.localeCompare(other.opened_at))
  return oldestFirst.map((each) => card(each, onDecided))
}

function card(each, onDecided) {
  const isOpen = each.status === 'open'
  const when = isOpen
    ? t('case_due', { at: moment(each.due_at) })
    : t('case_closed_by', { who: inWords('by', each.closed_by), how: inWords('how', each.resolution) })
  const hint = isOpen ? h('p', { class: 'case__hint' }, t(`${each.kind}_hint`)) : null
  return h(
    'div', { class: `case case_${each.status}`, 'data-case': each.id },
    h('p', { class: 'case__head' }, h('b', {}, t(each.kind)), h('span', { class: 'case__status' }, t(`case_${each.status}`))),
    h('p', {}, subject(each.detail)),
    h('p', { class: 'case__when' }, when),
    hint,
    isOpen && DECIDED_BY_PEOPLE.includes(each.kind) ? decisions(each, onDecided) : null,
    refused.has(each.id) ? h('p', { class: 'case__refused', role: 'alert' }, refused.get(each.id)) : null,
  )
}

function subject({ amount, asked_amount, received_amount, reason }) {
  if (amount !== undefined) return yuan(amount)
  const received = received_amount === null ? '' : yuan(received_amount)
  return reason === 'wrong_amount' ? t('case_amounts', { received, asked: yuan(asked_amount) }) : received
}

function decisions(each, onDecided) {
  const button = (words, look, act) => {
    const onclick = async () => {
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
