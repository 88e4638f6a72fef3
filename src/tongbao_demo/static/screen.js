/** A pretend device: a bar with a title, a page, and what lies over it. */
import { h } from './dom.js'

const TOAST_SECONDS = 4

export function createScreen(kind) {
  const [title, page, over] = [h('span'), h('div', { class: 'phone__page' }), h('div')]
  const capsule = h('span', { class: 'capsule', 'aria-hidden': 'true' }, h('i'), h('i'))
  const bar = h('div', { class: 'phone__bar' }, title, capsule)
  const element = h('section', { class: `phone phone_${kind}`, id: kind, hidden: true }, bar, page, over)

  function show(name, content) {
    title.textContent = name
    page.replaceChildren(content)
  }

  /** Lay a dialog over the page, until `close`. */
  function open(name, ...content) {
    over.replaceChildren(
      h('div', { class: 'weui-mask' }),
      h(
        'div',
        { class: 'weui-half-screen-dialog sheet', role: 'dialog', 'aria-label': name },
        h('p', { class: 'sheet__title' }, name),
        ...content,
      ),
    )
  }

  const close = () => over.replaceChildren()

  /** Say something for a moment. */
  function toast(text) {
    const words = h('p', { class: 'weui-toast__content' }, text)
    const note = h('div', { class: 'weui-toast weui-toast_text toast', role: 'alert' }, words)
    element.append(note)
    setTimeout(() => note.remove(), TOAST_SECONDS * 1000)
  }

  return { element, show, open, close, toast }
}
