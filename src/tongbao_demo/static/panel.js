/** Beside the phone: what happens behind it, as Tongbao and the shop tell it. */
import { ledgerLines, webhookList } from './books.js'
import { caseCards } from './cases.js'
import { byId } from './dom.js'
import { getStory, getTimeline } from './shop.js'
import { stepRows } from './steps.js'
import { storyPage } from './story.js'
import { clock } from './words.js'

const POLL_MILLISECONDS = 300
const QUIET_MILLISECONDS = 2000
const NOTHING = { webhooks: [], deliveries: [], ledger: [], cases: [], refunds: [] }

/** What happened on the phone: `{ name, at }`, by the phone's own clock. */
let events = []
let news = null
let story = null
let orderId = null
let onNews = () => {}
let wake = () => {}

/** Note something that happened on the phone. */
export function note(name) {
  events.push({ name, at: Date.now() })
  renderPanel()
}

/** Begin a new story. */
export function forget() {
  events = []
  orderId = news = story = null
  renderPanel()
}

/** Follow an order from now on; `told` hears what the shop has been told of it. */
export function follow(id, told) {
  orderId = id
  onNews = told
  poll(id)
}

/** Something was asked for: look at once. */
export function hurry() {
  wake()
}

/** Ask again and again while it is this order that is looked at; less often while nothing is to come. */
async function poll(id) {
  while (orderId === id) {
    await look(id)
    const rest = news && isQuiet(news) ? QUIET_MILLISECONDS : POLL_MILLISECONDS
    await new Promise((resolve) => {
      wake = resolve
      setTimeout(resolve, rest)
    })
  }
}

async function look(id) {
  // The server may be away for a moment, or for good: the page itself says so when it matters.
  const told = await getTimeline(id).catch(() => null)
  if (orderId !== id || !told || JSON.stringify(told) === JSON.stringify(news)) return
  news = told
  renderPanel()
  onNews(news)
  await retell()
}

function isQuiet({ is_brewing, deliveries, refunds, cases }) {
  const isOver = ({ state }) => ['succeeded', 'closed'].includes(state)
  const told = deliveries.every(({ state }) => state === 'delivered')
  return is_brewing && told && refunds.every(isOver) && cases.every(({ status }) => status === 'closed')
}

/** Have the story told again, in the language of the page, where it is being read. */
export async function retell() {
  const id = orderId
  if (!id || byId('story').hidden) return
  const told = await getStory(id).catch(() => null)
  if (orderId !== id || !told) return
  story = told
  byId('story').replaceChildren(...storyPage(story))
}

export function renderPanel() {
  const { webhooks, deliveries, ledger, cases } = news ?? NOTHING
  const rows = stepRows(events, news)
  byId('since').textContent = events.length ? clock(events[0].at) : ''
  byId('steps').replaceChildren(...rows)
  byId('story').replaceChildren(...storyPage(story))
  byId('ledger').replaceChildren(...ledgerLines(ledger))
  byId('webhooks').replaceChildren(...webhookList({ webhooks, deliveries }))
  byId('cases').replaceChildren(...caseCards(cases, decided))
  byId('cases-card').hidden = cases.length === 0
}

function decided() {
  renderPanel()
  hurry()
}

for (const tab of document.querySelectorAll('[role=tab]')) {
  tab.addEventListener('click', () => {
    for (const each of document.querySelectorAll('[role=tab]')) {
      each.setAttribute('aria-selected', each === tab)
      byId(each.getAttribute('aria-controls')).hidden = each !== tab
    }
    retell()
  })
}
