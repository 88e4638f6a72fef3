/** The dialogs of a device: its pay sheet, its alert, and the choice of what to ask back. Each is told its screen. */
import { h, yuan } from './dom.js'
import { t } from './words.js'

/**
 * A wallet's pay sheet for an amount in fen; `taps` are what can be tapped, the first of them the usual one. `choice` is
 * the buyer's tap; the sheet stays until `close`.
 */
export function openPaySheet(screen, wallet, amount, [first, ...others]) {
  let decide
  const choice = new Promise((resolve) => (decide = resolve))

  const button = (kind) => (tap) => {
    const onclick = () => {
      actions.replaceChildren(h('i', { class: 'weui-loading sheet__busy' }))
      decide(tap)
    }
    return h('button', { type: 'button', class: `weui-btn ${kind}`, onclick }, t(`sheet_${tap}`))
  }
  const rest = h('div', {}, ...others.map(button('weui-btn_default')))
  const actions = h('div', { class: 'sheet__actions' }, button('weui-btn_primary')(first), rest)

  screen.open(
    t(`sheet_title_${wallet}`),
    h('p', { class: 'sheet__to' }, `${t('sheet_to')} ${t('shop')}`),
    h('p', { class: 'sheet__amount' }, yuan(amount)),
    actions,
  )
  return { choice, close: screen.close }
}

/** Say something until it is read. */
export function openAlert(screen, text) {
  return new Promise((resolve) => {
    const onclick = () => {
      screen.close()
      resolve()
    }
    const read = h('button', { type: 'button', class: 'weui-btn weui-btn_primary', onclick }, t('read'))
    screen.open(t('alert'), h('p', { class: 'sheet__words' }, text), h('div', { class: 'sheet__actions' }, read))
  })
}

/** A list of `{ words, amount }` to ask back one of. `ask` hears every tap; the dialog goes when it has done. */
export function openRefundDialog(screen, choices, ask) {
  const row = (choice) => {
    const onclick = () => ask(choice).finally(screen.close)
    const [body, foot] = [h('span', { class: 'weui-cell__bd' }, choice.words), h('span', { class: 'weui-cell__ft' }, yuan(choice.amount))]
    return h('button', { type: 'button', class: 'weui-cell weui-cell_active sheet__choice', onclick }, body, foot)
  }
  const cancel = h('button', { type: 'button', class: 'weui-btn weui-btn_default', onclick: screen.close }, t('sheet_cancel'))
  screen.open(t('ask_refund'), h('div', { class: 'sheet__choices' }, ...choices.map(row)), h('div', { class: 'sheet__actions' }, cancel))
}
