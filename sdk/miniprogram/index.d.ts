/**
 * Log in and pay inside mini-programs and web pages, through a Tongbao server.
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
  /**
   * A token that your own server gave the page, or a function that fetches one, where the platform has no log-in of its
   * own: a browser. It is used as it is and kept nowhere.
   */
  token?: string | (() => string | Promise<string>)
  /** Language of the server's error messages, as in Accept-Language: `zh-CN`, `en`. By default the host's. */
  locale?: string
  /** How long one request may take, beyond the waiting it asks for. 10 by default. */
  timeoutSeconds?: number
  /** How long `pay` asks for the outcome once the pay sheet has closed, before it says `pending`. 60 by default. */
  waitSeconds?: number
  /**
   * Your mini-program's page that shows `<web-view src="{{url}}">` with the `url` of its query, such as `/pages/web/web`.
   * Payment pages open there. Without one their address is copied, and the buyer is told to open it in a browser.
   */
  webViewPage?: string
}

export interface Tongbao {
  /**
   * Who is paying. Answers with the kept session, or logs in silently with a fresh code of the host.
   * Calls at the same time share one log-in. `pay` and `getOrder` log in by themselves.
   *
   * With `profile` the buyer is asked for name and picture, each time, so call it in a tap. Alipay has them to give;
   * elsewhere `profile` is null.
   * @throws {TongbaoError}
   */
  login(options?: { profile?: boolean }): Promise<Session>

  /** Forget the session, here and in the host's storage. */
  logout(): void

  /**
   * Hand the buyer's consent to the server, which keeps the number sealed for your own server to read and tells
   * the page only `138****8000`.
   *
   * In WeChat `consent` is `event.detail.code` of a `<button open-type="getPhoneNumber">`. In Alipay it is left out:
   * call this in `onGetAuthorize` of a `<button open-type="getAuthorize" scope="phoneNumber">`.
   * @throws {TongbaoError} `phone_refused` where the buyer did not consent
   */
  getPhoneNumber(consent?: string): Promise<{ masked: string }>

  /**
   * Collect the money for an order: open the host's pay sheet, then ask the server what became of it.
   * The host's own word is never taken for it. Never rejects: `lastError()` tells why the result is not `paid`.
   *
   * Parameters that the server prefetched need nothing more: `pay` is then only faster.
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
  /**
   * Who moves the money. By default the host's own channel; in a browser our page, where the buyer chooses.
   * Where the channel is forbidden in this host (Alipay in WeChat), our page is opened too.
   */
  channel?: string
  /** The channel's way of paying. By default the one that belongs here: `jsapi` in WeChat, `create` in Alipay. */
  method?: string
  /** Where the buyer comes back to from a payment page. */
  returnUrl?: string
  /** To be paid in monthly parts. */
  instalments?: { number: 3 | 6 | 12; feeBy: 'buyer' | 'seller' }
  /** The only means to pay with, or those to leave out. */
  only?: Means[]
  without?: Means[]
  /** As in TongbaoOptions, for this payment. */
  waitSeconds?: number
  /**
   * Called when the pay sheet has closed as done and the server is being asked: show a spinner.
   * `stop()` ends the waiting at once with `pending`, for a page that is being left. `code` is the sheet's last word,
   * or `link_opened`, `link_copied` where a page took its place.
   */
  onWaiting?: (stop: () => void, code: string) => void
}

export type Means = 'balance' | 'fund' | 'debit_card' | 'credit_card' | 'credit'

export interface Session {
  /** Proves this buyer to your own server, which asks `GET /v1/sessions/current` whose it is. Never show or log it. */
  token: string
  /** Empty, as is `expiresAt`, where the page was given the token. */
  buyerId: string
  /** ISO 8601, UTC. */
  expiresAt: string
  /** Only where it was asked for. Shown to you once, and kept nowhere. */
  profile?: Profile | null
}

export interface Profile {
  nickname?: string
  avatarUrl?: string
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
  /** Our page where it can be paid by any wallet. Whoever has the address sees the order and can pay it. */
  pay_url: string
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
 * - `login_failed`, `app_id_missing`, `token_missing`: there is no log-in code, no app id, or no token to go with.
 * - `phone_refused`: the buyer did not consent.
 * - `sheet_cancelled`, `sheet_failed`: the pay sheet's words, in `message`.
 * - `payment_failed`, `payment_closed`, `payment_surplus`, `payment_held`: the attempt's state.
 * - `order_closed`: the order was closed before it was paid.
 * - `undecided`, `stopped`: the waiting ended before a final answer.
 */
export interface TongbaoError extends Error {
  code: string
  /** HTTP status of the answer, if there was one. */
  status?: number
}

/** What the SDK needs of a platform. */
export interface Host {
  /** The server's name for it: `wechat`. */
  readonly name: string
  /** The channel of its own pay sheet, if it has one. */
  readonly channel?: string
  /** Which method is asked for when only the channel is named. */
  readonly methods: Record<string, string>
  /** The last words of its pay sheet. */
  readonly results: Record<string, SheetRule>
  appId(): string | undefined
  /** A fresh one-time log-in code. Missing where a platform has no log-in. */
  login?(options: { profile: boolean }): Promise<string>
  /** Consent to show the phone number, where a platform gives it to code and not to a button. */
  phoneConsent?(): Promise<string>
  /** One HTTP exchange with JSON both ways. Rejects when there was no answer; any status is an answer. */
  request(request: HostRequest): Promise<HostAnswer>
  /** Open the pay sheet; ends when it closes. */
  openPayment(clientParams: object): Promise<SheetResult>
  /** Open a payment page, or copy its address and tell the buyer so in the words of `copied`. */
  openLink(url: string, options: { webViewPage?: string; copied: string }): Promise<SheetResult>
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
  /** The word to look up in the host's `results`. */
  code: string
  /** The platform's own words. */
  message: string
}

/** What a sheet's last word lets one hope for: `done` may be paid, and the server is asked until it knows. */
export interface SheetRule {
  outcome: 'done' | 'cancelled' | 'failed'
  means: string
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
  navigateTo(options: { url: string } & WechatCallbacks): unknown
  setClipboardData(options: { data: string } & WechatCallbacks): unknown
  showModal(options: { content: string; showCancel: boolean; complete: WechatCallbacks['success'] }): unknown
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

/** The Alipay host, on the global `my` or anything that behaves like it. */
export function alipay(my: AlipayApi): Host

/** The part of `my` that is used. */
export interface AlipayApi {
  getAppIdSync(): { appId: string }
  getAuthCode(options: {
    scopes: string
    success: (result: { authCode: string }) => void
    fail: (reason: AlipayFailure) => void
  }): unknown
  getPhoneNumber(options: {
    success: (result: { response: string }) => void
    fail: (reason: AlipayFailure) => void
  }): unknown
  request(options: {
    url: string
    method: 'GET' | 'POST'
    headers: Record<string, string>
    data?: string
    dataType: 'text'
    timeout: number
    success: (result: { status: number; data: string | Record<string, any> | ArrayBuffer }) => void
    fail: (reason: AlipayFailure) => void
  }): unknown
  tradePay(
    options: AlipayPaymentParams & {
      success: (result: { resultCode: string }) => void
      fail: (reason: AlipayFailure) => void
    },
  ): unknown
  navigateTo(options: { url: string; success: () => void; fail: (reason: AlipayFailure) => void }): unknown
  setClipboard(options: { text: string; success: () => void; fail: (reason: AlipayFailure) => void }): unknown
  alert(options: { content: string; complete: () => void }): unknown
  getStorageSync(options: { key: string }): { data: unknown }
  setStorageSync(options: { key: string; data: unknown }): unknown
  removeStorageSync(options: { key: string }): unknown
}

/** What the server gives for `my.tradePay`: a trade's number, or a signed order string. */
export interface AlipayPaymentParams {
  tradeNO?: string
  orderStr?: string
}

export interface AlipayFailure {
  error?: number
  errorMessage?: string
}

/** A web page of yours, on the global `window` or anything that behaves like it. */
export function browser(window: BrowserApi, options?: BrowserOptions): Host

export interface BrowserOptions {
  /** Open payment pages in a tab of their own, so that this page can go on waiting. By default the page itself moves on. */
  tab?: boolean
}

/** The part of `window` that is used. */
export interface BrowserApi {
  fetch(
    url: string,
    init: { method: string; headers: Record<string, string>; body?: string },
  ): Promise<{ status: number; text(): Promise<string> }>
  open(url: string, target: string): { opener: unknown } | null
  location: { assign(url: string): void }
}
