/** What the devices' pages are made of. */
import { byId, h, yuan } from './dom.js'
import { either, t } from './words.js'

export const icon = (name) => h('i', { class: `weui-icon-${name} weui-icon_msg` })

export function spinner() {
  const dot = h('i', { class: 'weui-primary-loading__dot' })
  return h('i', { class: 'weui-primary-loading weui-primary-loading_brand' }, dot)
}

export function cell(left, right) {
  const [body, foot] = [h('div', { class: 'weui-cell__bd' }, left), h('div', { class: 'weui-cell__ft' }, right)]
  return h('div', { class: 'weui-cell' }, body, foot)
}

export function cup({ colour }) {
  const picture = byId('cup').content.cloneNode(true).firstElementChild
  picture.style.setProperty('--drink', colour)
  return picture
}

export const nameOf = (drinks, drinkId) => either(drinks.find(({ id }) => id === drinkId))

/** A page with one thing to say about a sum of fen. */
export function message(picture, title, amount, words, ...buttons) {
  return h(
    'div', { class: 'weui-msg' },
    h('div', { class: 'weui-msg__icon-area' }, picture),
    h('div', { class: 'weui-msg__text-area' },
      h('h2', { class: 'weui-msg__title' }, t(title)),
      h('p', { class: 'message__amount' }, yuan(amount)),
      h('p', { class: 'weui-msg__desc' }, words)),
    h('div', { class: 'weui-msg__opr-area' }, h('div', { class: 'weui-btn-area' }, ...buttons)),
  )
}

/** The buttons of a screen. Whatever goes wrong is told there, and its page stays where it is. */
export function buttonsOf(screen) {
  const guarded = (act) => () => Promise.resolve().then(act).catch((error) => screen.toast(why(error)))
  const button = (kind) => (words, act, more = {}) =>
    h('button', { type: 'button', class: `weui-btn ${kind}`, onclick: guarded(act), ...more }, t(words))
  return { guarded, primary: button('weui-btn_primary'), secondary: button('weui-btn_default') }
}

/** The server's own words, where it was reached; or the pay sheet's, which knows one reason. */
export function why({ code, message }) {
  if (code === 'unreachable' || code === 'timed_out') return t('unreachable')
  if (code === 'sheet_failed' && /insufficient balance|4000/.test(message)) return t('sheet_fail')
  return message
}

/** What is chosen from the menu. `changed` hears of every change. */
export function createCart(drinks, changed) {
  const chosen = new Map()
  const quantityOf = ({ id }) => chosen.get(id) ?? 0

  function row(drink) {
    const step = (sign, change) => {
      const onclick = () => {
        chosen.set(drink.id, Math.max(0, quantityOf(drink) + change))
        changed()
      }
      return h('button', { type: 'button', class: 'stepper', 'aria-label': `${sign} ${either(drink)}`, onclick }, sign)
    }
    const less = quantityOf(drink) ? [step('−', -1), h('span', {}, String(quantityOf(drink)))] : []
    return h(
      'div', { class: 'drink' },
      h('div', { class: 'drink__picture' }, cup(drink)),
      h('div', { class: 'drink__name' }, h('b', {}, either(drink)), h('span', {}, yuan(drink.price))),
      h('div', { class: 'drink__quantity' }, ...less, step('+', 1)),
    )
  }

  const total = () => drinks.reduce((sum, drink) => sum + drink.price * quantityOf(drink), 0)
  const lines = () => drinks.filter(quantityOf).map((drink) => ({ id: drink.id, quantity: quantityOf(drink) }))

  /** The menu, with the sum and what to do with it: `button({ disabled })`. */
  function page(button) {
    return h(
      'div', { class: 'drinks' },
      h('div', { class: 'drinks__list' }, ...drinks.map(row)),
      h(
        'div', { class: 'drinks__foot' },
        h('span', {}, total() ? h('b', {}, yuan(total())) : t('choose')),
        button({ disabled: total() === 0 }),
      ),
    )
  }

  return { page, lines, clear: () => chosen.clear() }
}
