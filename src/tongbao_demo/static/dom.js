/** Elements by hand: `h('p', { class: 'note', onclick }, 'text', child)`. Text is always text, never markup. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null) element.setAttribute(name, value)
  }
  element.append(...children.filter((child) => child !== null))
  return element
}

export const byId = (id) => document.getElementById(id)

/** Fen as yuan: `¥18.00`. */
export const yuan = (fen) => `¥${(fen / 100).toFixed(2)}`
