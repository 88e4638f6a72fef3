/** What lies over the phone's page: the pay sheet and the toasts. */
import { byId, h, yuan } from './dom.js'
import { t } from './words.js'

const TOAST_SECONDS = 4

/** WeChat's pay sheet for an amount in fen. `choice` is the buyer's tap; the sheet stays until `close`. */
export function openSheet(amount) {
  const root = byId('overlay')
  const choice = new Promise((resolve) => {
    const button = (kind, words, chosen) =>
      h('button', { type: 'button', class: `weui-btn ${kind}`, onclick: () => decide(chosen) }, t(words))

    const actions = h(
      'div',
      { class: 'sheet__actions' },
      button('weui-btn_primary', 'sheet_pay', 'pay'),
      h('div', {}, button('weui-btn_default', 'sheet_cancel', 'cancel'), button('weui-btn_default', 'sheet_fail', 'fail')),
    )

    function decide(chosen) {
      actions.replaceChildren(h('i', { class: 'weui-loading sheet__busy' }))
      resolve(chosen)
    }

    root.replaceChildren(
      h('div', { class: 'weui-mask' }),
      h(
        'div',
        { class: 'weui-half-screen-dialog sheet', role: 'dialog', 'aria-label': t('sheet_title') },
        h('div', { class: 'weui-half-screen-dialog__hd' },
          h('div', { class: 'weui-half-screen-dialog__hd__main' },
            h('strong', { class: 'weui-half-screen-dialog__title' }, t('sheet_title')))),
        h('p', { class: 'sheet__to' }, `${t('sheet_to')} ${t('shop')}`),
        h('p', { class: 'sheet__amount' }, yuan(amount)),
        actions,
      ),
    )
  })
  return { choice, close: () => root.replaceChildren() }
}

/** Say something for a moment. */
export function toast(text) {
  const note = h('div', { class: 'weui-toast weui-toast_text toast', role: 'alert' }, h('p', { class: 'weui-toast__content' }, text))
  byId('phone').append(note)
  setTimeout(() => note.remove(), TOAST_SECONDS * 1000)
}
