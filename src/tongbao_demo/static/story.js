/** The order's story, told by the server in the page's language: where it stands, what to do, and all that happened. */
import { h } from './dom.js'
import { clock, t } from './words.js'

export function storyPage(told) {
  if (!told) return [h('p', { class: 'empty' }, t('story_empty'))]
  const next = told.next.map(({ text }) => h('li', {}, text))
  return [
    h('p', { class: 'story__stands' }, told.stands.text),
    next.length ? h('ul', { class: 'story__next', 'aria-label': t('story_next') }, ...next) : null,
    h('ol', { class: 'story__lines' }, ...told.story.map(line)),
  ].filter(Boolean)
}

function line({ at, kind, text, cure }) {
  return h(
    'li', { class: `story__line story__line_${kind}` },
    h('time', {}, clock(Date.parse(at))),
    h('span', {}, text, cure ? h('small', {}, cure) : null),
  )
}
