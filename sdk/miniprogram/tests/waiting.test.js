import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problem } from './fake-server.js'
import { CANCELLED, PAID, stage } from './stage.js'

for (const [state, result] of [
  ['failed', 'failed'],
  ['closed', 'failed'],
  ['surplus', 'failed'],
  ['held', 'pending'],
]) {
  test(`an attempt that ends ${state} is ${result}, at once`, async (t) => {
    const { run, clock, server, phone, tongbao } = stage(t)
    phone.buyer = (orderId) => {
      server.move(orderId, { attempt: { state } })
      return PAID
    }
    assert.equal(await run(tongbao.pay('ord_1')), result)
    assert.equal(tongbao.lastError()?.code, `payment_${state}`)
    assert.equal(clock.elapsedSeconds(), 0)
  })
}

test('a held payment is pending although the sheet was cancelled', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  phone.buyer = (orderId) => {
    server.move(orderId, { attempt: { state: 'held' } })
    return CANCELLED
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'pending')
})

test('an earlier attempt that failed does not speak for this one', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  assert.equal(await run(tongbao.pay('ord_1')), 'cancelled')
  server.move('ord_1', { attempt: { state: 'failed' } })
  phone.buyer = (orderId) => {
    setTimeout(() => server.pay(orderId), 3000)
    return PAID
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
})

test('a surplus attempt of an order that is paid is paid', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  phone.buyer = (orderId) => {
    server.move(orderId, { order: { status: 'paid' }, attempt: { state: 'surplus' } })
    return PAID
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
})

test('lost answers, refusals and strangers while waiting only delay the answer', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  const portal = { status: 200, data: '<html>' }
  const stranger = { status: 200, data: { code: 0, message: 'ok' } }
  server.fail('GET order', 'lose request', 'lose answer', problem(503, 'unavailable'), portal, stranger)
  phone.buyer = (orderId) => {
    server.pay(orderId)
    return PAID
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
})

test('a server that stays away until the limit makes it pending, and says why', async (t) => {
  const { run, clock, server, phone, tongbao } = stage(t)
  phone.buyer = () => PAID
  server.fail('GET order', ...Array(100).fill('lose request'))
  assert.equal(await run(tongbao.pay('ord_1', { waitSeconds: 57 })), 'pending')
  assert.equal(tongbao.lastError()?.code, 'unreachable')
  assert.equal(clock.elapsedSeconds(), 57)
})

test('a server that answers at once instead of waiting is not asked without pause', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  phone.buyer = () => PAID
  server.fail('GET order', ...Array(100).fill({ status: 200, data: { id: 'ord_1', status: 'open', payments: [] } }))
  assert.equal(await run(tongbao.pay('ord_1')), 'pending')
  assert.equal(server.to('GET order').length, 16)
})

test('a stranger that answers for the server decides nothing', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  phone.buyer = () => PAID
  server.fail('GET order', ...Array(100).fill({ status: 200, data: { code: 0, message: 'ok' } }))
  assert.equal(await run(tongbao.pay('ord_1')), 'pending')
  assert.equal(tongbao.lastError()?.code, 'undecided')
})

test('a server that hangs costs one time limit more at most', async (t) => {
  const { run, clock, server, phone, tongbao } = stage(t, { timeoutSeconds: 5, waitSeconds: 20 })
  phone.buyer = () => PAID
  server.fail('GET order', ...Array(100).fill('hang'))
  assert.equal(await run(tongbao.pay('ord_1')), 'pending')
  assert.equal(tongbao.lastError()?.code, 'timed_out')
  assert.ok(clock.elapsedSeconds() <= 30)
})

test('the limit can be set for one payment', async (t) => {
  const { run, clock, phone, tongbao } = stage(t)
  phone.buyer = () => PAID
  assert.equal(await run(tongbao.pay('ord_1', { waitSeconds: 3 })), 'pending')
  assert.equal(clock.elapsedSeconds(), 3)
})

test('with no time to wait the server is still asked', async (t) => {
  const { run, server, phone, tongbao } = stage(t, { waitSeconds: 0 })
  phone.buyer = (orderId) => {
    server.pay(orderId)
    return PAID
  }
  assert.equal(await run(tongbao.pay('ord_1')), 'paid')
})

test('a phone that slept past the limit still hears that it was paid', async (t) => {
  const { run, clock, server, phone, tongbao } = stage(t)
  phone.buyer = () => PAID
  server.fail('GET order', 'lose request')
  const onWaiting = () => {
    clock.sleep(600)
    server.pay('ord_1')
  }
  assert.equal(await run(tongbao.pay('ord_1', { onWaiting })), 'paid')
})

test('the waiting is announced once, and only for a sheet that closed as done', async (t) => {
  const { run, phone, tongbao } = stage(t)
  let announced = 0
  const onWaiting = () => {
    announced += 1
  }
  assert.equal(await run(tongbao.pay('ord_1', { onWaiting })), 'cancelled')
  assert.equal(announced, 0)
  phone.buyer = () => PAID
  assert.equal(await run(tongbao.pay('ord_1', { onWaiting })), 'pending')
  assert.equal(announced, 1)
})

test('a page that stumbles over the news of waiting does not lose the payment', async (t) => {
  const { run, server, phone, tongbao } = stage(t)
  const heard = t.mock.method(console, 'error', () => {})
  phone.buyer = (orderId) => {
    server.pay(orderId)
    return PAID
  }
  const onWaiting = () => {
    throw new TypeError('this.setData is not a function')
  }
  assert.equal(await run(tongbao.pay('ord_1', { onWaiting })), 'paid')
  assert.equal(heard.mock.callCount(), 1)
})

test('a waiting that is stopped is pending at once, asks no more, and can be paid again', async (t) => {
  const { run, clock, server, phone, tongbao } = stage(t)
  phone.buyer = () => PAID
  const paying = tongbao.pay('ord_1', { onWaiting: (stop) => setTimeout(stop, 4000) })
  assert.equal(await run(paying), 'pending')
  assert.equal(tongbao.lastError()?.code, 'stopped')
  assert.equal(clock.elapsedSeconds(), 4)
  await run(new Promise((resolve) => setTimeout(resolve, 120_000)))
  assert.equal(server.to('GET order').length, 2)
  phone.buyer = () => CANCELLED
  assert.equal(await run(tongbao.pay('ord_1')), 'cancelled')
})
