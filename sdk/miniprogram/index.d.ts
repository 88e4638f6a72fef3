/**
 * Log in and pay inside mini-programs, through a Tongbao server.
 *
 * Times in seconds say so in their name; `amount` is an integer of the currency's smallest unit (fen for CNY).
 */

/** Make a client. One for the whole mini-program is enough: it keeps the session and joins double taps. */
export function createTongbao(options: TongbaoOptions): Tongbao

export interface TongbaoOptions {
  /** Address of your Tongbao server, such as `https://pay.example.com`. */
  baseUrl: string
  /** Where the buyer is. By default the platform this code finds itself in. */
  host?: Host
  /** The mini-program's app id. By default the host is asked. */
  appId?: string
  /** Language of the server's error messages, as in Accept-Language: `zh-CN`, `en`. By default the host's. */
  locale?: string
  /** How long one request may take, beyond the waiting it asks for. 10 by default. */
  timeoutSeconds?: number
  /** How long `pay` asks for the outcome once the pay sheet has closed, before it says `pending`. 60 by default. */
  waitSeconds?: number
}

export interface Tongbao {
  /**
   * Who is paying. Answers with the kept session, or logs in silently with a fresh code of the host.
   * Calls at the same time share one log-in. `pay` and `getOrder` log in by themselves.
   * @throws {TongbaoError}
   */
  login(): Promise<Session>

  /** Forget the session, here and in the host's storage. */
  logout(): void

  /**
   * Collect the money for an order: open the host's pay sheet, then ask the server what became of it.
   * The host's own word is never taken for it. Never rejects: `lastError()` tells why the result is not `paid`.
   *
   * - `paid`: the order is paid, now or already before.
   * - `cancelled`: the buyer closed the sheet. Paying again is fine.
   * - `failed`: nothing was collected. Paying again is fine.
   * - `pending`: not known yet, or held for review. Show so, and ask `getOrder` when the page is shown again.
   *
   * Calls for one order while it is being paid share one attempt (and the options of the first call).
   */
  pay(orderId: string, options?: PayOptions): Promise<PayResult>

  /**
   * An order of this buyer. With `waitSeconds` the server holds its answer back, at most 25 seconds,
   * until the order is no longer open.
   * @throws {TongbaoError}
   */
  getOrder(orderId: string, options?: { waitSeconds?: number }): Promise<Order>

  /** Why the `pay` that ended last did not end `paid`; null when it did. */
  lastError(): TongbaoError | null
}

export type PayResult = 'paid' | 'cancelled' | 'failed' | 'pending'

export interface PayOptions {
  /** Who moves the money. By default the host's own channel: `wechatpay` in WeChat. */
  channel?: string
  /** The channel's way of paying. By default the host's own: `jsapi` in WeChat. */
  method?: string
  /** As in TongbaoOptions, for this payment. */
  waitSeconds?: number
  /**
   * Called when the pay sheet has closed as done and the server is being asked: show a spinner.
   * `stop()` ends the waiting at once with `pending`, for a page that is being left.
   */
  onWaiting?: (stop: () => void) => void
}

export interface Session {
  /** Proves this buyer to your own server, which asks `GET /v1/sessions/current` whose it is. Never show or log it. */
  token: string
  buyerId: string
  /** ISO 8601, UTC. */
  expiresAt: string
}

/** An order as the server tells it. */
export interface Order {
  id: string
  /** The merchant's own number for it. */
  reference: string
  amount: number
  currency: string
  subject: string
  items: Item[]
  metadata: Record<string, string>
  buyer_id: string | null
  status: 'open' | 'paid' | 'closed'
  created_at: string
  expires_at: string
  paid_at: string | null
  closed_at: string | null
  close_reason: string | null
  payments: Attempt[]
}

/** One line of what is sold. */
export interface Item {
  name: string
  quantity: number
  unit_price: number
  reference: string | null
}

/** One attempt to collect the money of an order. */
export interface Attempt {
  id: string
  order_id: string
  channel: string
  method: string
  /**
   * `created`: remembered, not yet sent. `pending`: at the gateway, no final answer. `surplus`: paid, but the order
   * needed it no longer, so it goes back. `held`: paid with something amiss, a person decides.
   */
  state: 'created' | 'pending' | 'succeeded' | 'failed' | 'closed' | 'surplus' | 'held'
  /** Why it did not simply succeed. */
  reason: string | null
  amount: number
  currency: string
  /** The gateway's own number for it. */
  transaction_id: string | null
  created_at: string
  paid_at: string | null
}

/**
 * Why something did not work. `code` is the server's own stable code, or one of these of the SDK:
 *
 * - `unreachable`, `timed_out`: the server did not answer, or not in time.
 * - `unreadable`: something answered, but not in Tongbao's words (a proxy, a captive portal).
 * - `login_failed`, `app_id_missing`: the host gave no log-in code, or no app id.
 * - `sheet_cancelled`, `sheet_failed`: the pay sheet's words, in `message`.
 * - `payment_failed`, `payment_closed`, `payment_surplus`, `payment_held`: the attempt's state.
 * - `undecided`, `stopped`: the waiting ended before a final answer.
 */
export interface TongbaoError extends Error {
  code: string
  /** HTTP status of the answer, if there was one. */
  status?: number
}

/** What the SDK needs of a mini-program platform. */
export interface Host {
  /** The server's name for it: `wechat`. */
  readonly name: string
  /** The channel and method its pay sheet belongs to. */
  readonly channel: string
  readonly method: string
  appId(): string | undefined
  /** A fresh one-time log-in code. */
  login(): Promise<string>
  /** One HTTP exchange with JSON both ways. Rejects when there was no answer; any status is an answer. */
  request(request: HostRequest): Promise<HostAnswer>
  /** Open the pay sheet; ends when it closes. */
  openPayment(clientParams: object): Promise<SheetResult>
  /** The platform's storage, which may throw. */
  load(key: string): unknown
  save(key: string, value: unknown): void
  remove(key: string): void
}

export interface HostRequest {
  method: 'GET' | 'POST'
  url: string
  headers: Record<string, string>
  body?: Record<string, unknown>
  timeoutSeconds: number
}

export interface HostAnswer {
  status: number
  body: unknown
}

export interface SheetResult {
  outcome: 'done' | 'cancelled' | 'failed'
  /** The platform's own words. */
  message: string
}

/** The WeChat host, on the global `wx` or anything that behaves like it. */
export function wechat(wx: WechatApi): Host

/** The part of `wx` that is used. */
export interface WechatApi {
  getAccountInfoSync(): { miniProgram: { appId: string } }
  login(options: {
    success: (result: { code: string; errMsg: string }) => void
    fail: (result: { errMsg: string }) => void
  }): unknown
  request(options: {
    url: string
    method: 'GET' | 'POST'
    header: Record<string, string>
    data?: Record<string, unknown>
    timeout: number
    success: (result: { statusCode: number; data: string | Record<string, any> | ArrayBuffer }) => void
    fail: (result: { errMsg: string }) => void
  }): unknown
  requestPayment(options: WechatPaymentParams & WechatCallbacks): unknown
  getStorageSync(key: string): unknown
  setStorageSync(key: string, data: unknown): void
  removeStorageSync(key: string): void
}

/** What the server gives for `wx.requestPayment`, signed. */
export interface WechatPaymentParams {
  timeStamp: string
  nonceStr: string
  package: string
  signType: 'RSA'
  paySign: string
}

export interface WechatCallbacks {
  success: (result: { errMsg: string }) => void
  fail: (result: { errMsg: string }) => void
}
