/**
 * A clock that runs ahead: while a test waits, time jumps to the next timer, so that a minute passes in no time.
 *
 * @param {import('node:test').TestContext} t
 */
export function startClock(t) {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now }
  const began = Date.parse('2026-05-20T08:00:00Z')
  let now = began
  let lastId = 0
  /** @type {Map<number, { at: number, fire: () => void }>} */
  const timers = new Map()

  Date.now = () => now
  globalThis.setTimeout = /** @type {any} */ (
    (/** @type {() => void} */ fire, milliseconds = 0) => {
      timers.set((lastId += 1), { at: now + Math.max(0, milliseconds), fire })
      return lastId
    }
  )
  globalThis.clearTimeout = /** @type {any} */ ((/** @type {number} */ id) => timers.delete(id))
  t.after(() => {
    Object.assign(globalThis, { setTimeout: real.setTimeout, clearTimeout: real.clearTimeout })
    Date.now = real.now
  })

  function fireNext() {
    const [first] = [...timers].sort(([id, a], [other, b]) => a.at - b.at || id - other)
    if (!first) throw new Error('Nothing is left to wait for')
    const [id, { at, fire }] = first
    timers.delete(id)
    now = Math.max(now, at)
    fire()
  }

  return {
    pendingTimers: () => timers.size,
    elapsedSeconds: () => (now - began) / 1000,

    /** The phone sleeps: time passes, no timer runs. @param {number} seconds */
    sleep(seconds) {
      now += seconds * 1000
    },

    /**
     * @template T
     * @param {Promise<T>} promise
     * @returns {Promise<T>} the same, with time running until it settles
     */
    async run(promise) {
      let settled = false
      const settle = () => {
        settled = true
      }
      promise.then(settle, settle)
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve))
        if (settled) return promise
        fireNext()
      }
    },
  }
}
