/** What lies over the phone's page: the pay sheet, the refund dialog and the toasts. */
import { byId, h, yuan } from './dom.js'
import { t } from './words.js'

const TOAST_SECONDS = 4

/** WeChat's pay sheet for an amount in fen. `choice` is the buyer's tap; the sheet stays until `close`. */
export function openSheet(amount) {
  let decide
  const choice = new Promise((resolve) => (decide = resolve))

  const button = (kind, tap) => {
    const onclick = () => {
      actions.replaceChildren(h('i', { class: 'weui-loading sheet__busy' }))
      decide(tap)
    }
    return h('button', { type: 'button', class: `weui-btn ${kind}`, onclick }, t(`sheet_${tap}`))
  }
  const others = h('div', {}, button('weui-btn_default', 'cancel'), button('weui-btn_default', 'fail'))
  const actions = h('div', { class: 'sheet__actions' }, button('weui-btn_primary', 'pay'), others)

  open(
    t('sheet_title'),
    h('p', { class: 'sheet__to' }, `${t('sheet_to')} ${t('shop')}`),
    h('p', { class: 'sheet__amount' }, yuan(amount)),
    actions,
  )
  return { choice, close }
}

/** A list of `{ words, amount }` to ask back one of. `ask` hears every tap; the dialog goes when it has done. */
export function openRefundDialog(choices, ask) {
  const row = (choice) => {
    const onclick = () => ask(choice).finally(close)
    const [body, foot] = [h('span', { class: 'weui-cell__bd' }, choice.words), h('span', { class: 'weui-cell__ft' }, yuan(choice.amount))]
    return h('button', { type: 'button', class: 'weui-cell weui-cell_active sheet__choice', onclick }, body, foot)
  }
  const cancel = h('button', { type: 'button', class: 'weui-btn weui-btn_default', onclick: close }, t('sheet_cancel'))
  open(t('ask_refund'), h('div', { class: 'sheet__choices' }, ...choices.map(row)), h('div', { class: 'sheet__actions' }, cancel))
}

function open(title, ...content) {
  byId('overlay').replaceChildren(
    h('div', { class: 'weui-mask' }),
    h(
      'div',
      { class: 'weui-half-screen-dialog sheet', role: 'dialog', 'aria-label': title },
      h('p', { class: 'sheet__title' }, title),
      ...content,
    ),
  )
}

function close() {
  byId('overlay').replaceChildren()
}

/** Say something for a moment. */
export function toast(text) {
  const words = h('p', { class: 'weui-toast__content' }, text)
  const note = h('div', { class: 'weui-toast weui-toast_text toast', role: 'alert' }, words)
  byId('phone').append(note)
  setTimeout(() => note.remove(), TOAST_SECONDS * 1000)
}
