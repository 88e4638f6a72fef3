/** Beside the device: what happens behind it, as Tongbao and the shop tell it. Each device has a file of its own. */
import { bothBooks, ledgerLines, webhookList } from './books.js'
import { caseCards } from './cases.js'
import { byId } from './dom.js'
import { getBooks, getStory, getTimeline, skip } from './shop.js'
import { stepRows } from './steps.js'
import { storyPage } from './story.js'
import { clock } from './words.js'

const POLL_MILLISECONDS = 300
const QUIET_MILLISECONDS = 2000
const NOTHING = { webhooks: [], deliveries: [], ledger: [], cases: [], refunds: [] }

/** The file that is looked at. */
let shown = null
let clearings = []
/** How far the server's clock is ahead of this one. */
let aheadSeconds = 0

export function createFile() {
  /** What happened on the device: `{ name, at, detail }`, by the server's clock as far as we know it. */
  let events = []
  let news = null
  let story = null
  let orderId = null
  let onNews = () => {}
  let wake = () => {}

  /** Note something that happened on the device. */
  function note(name, detail = '') {
    events.push({ name, detail, at: Date.now() + aheadSeconds * 1000 })
    renderPanel()
  }

  /** Begin a new story. */
  function forget() {
    events = []
    orderId = news = story = null
    renderPanel()
  }

  /** Follow an order from now on; `told` hears what the shop has been told of it. */
  function follow(id, told) {
    orderId = id
    onNews = told
    poll(id)
  }

  /** Something was asked for: look at once. */
  const hurry = () => wake()

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
    await Promise.all([retell(), recount()])
  }

  /** Have the story told again, in the language of the page, where it is being read. */
  async function retellIt() {
    const id = orderId
    if (!id) return
    const told = await getStory(id).catch(() => null)
    if (orderId !== id || !told) return
    story = told
    renderPanel()
  }

  const read = () => ({ events, news, story })
  return { note, forget, follow, hurry, skip: skipMinute, retell: retellIt, read }
}

function isQuiet({ is_brewing, deliveries, refunds, cases }) {
  const isOver = ({ state }) => ['succeeded', 'closed'].includes(state)
  const told = deliveries.every(({ state }) => state === 'delivered')
  return is_brewing && told && refunds.every(isOver) && cases.every(({ status }) => status === 'closed')
}

/** Look at another file. */
export function lookAt(file) {
  shown = file
  renderPanel()
  retell()
}

export async function retell() {
  if (!byId('story').hidden) await shown.retell()
}

/** Read both books again. */
export async function recount() {
  clearings = await getBooks().catch(() => clearings)
  renderPanel()
}

export function setClock(seconds) {
  aheadSeconds = seconds
}

async function skipMinute() {
  setClock((await skip()).ahead_seconds)
}

export function renderPanel() {
  const { events, news, story } = shown.read()
  const { webhooks, deliveries, ledger, cases } = news ?? NOTHING
  byId('since').textContent = events.length ? clock(events[0].at) : ''
  byId('steps').replaceChildren(...stepRows(events, news))
  byId('story').replaceChildren(...storyPage(story))
  byId('clearings').replaceChildren(...bothBooks(clearings))
  byId('ledger').replaceChildren(...ledgerLines(ledger, clearings))
  byId('webhooks').replaceChildren(...webhookList({ webhooks, deliveries }))
  byId('cases').replaceChildren(...caseCards(cases, decided))
  byId('cases-card').hidden = cases.length === 0
}

function decided() {
  renderPanel()
  shown.hurry()
}

for (const tab of document.querySelectorAll('.timeline [role=tab]')) {
  tab.addEventListener('click', () => {
    for (const each of document.querySelectorAll('.timeline [role=tab]')) {
      each.setAttribute('aria-selected', each === tab)
      byId(each.getAttribute('aria-controls')).hidden = each !== tab
    }
    retell()
  })
}
