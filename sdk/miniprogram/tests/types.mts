// Compiled, never run: the package as an ES module in TypeScript, inside a mini-program.
import { createTongbao, wechat, type Order, type PayResult, type TongbaoError } from 'tongbao-miniprogram'

const tongbao = createTongbao({ baseUrl: 'https://pay.example.com', host: wechat(wx), locale: 'zh-CN' })

export async function buy(orderId: string): Promise<string> {
  const result: PayResult = await tongbao.pay(orderId, { onWaiting: (stop) => stop() })
  const order: Order = await tongbao.getOrder(orderId, { waitSeconds: 25 })
  const error: TongbaoError | null = tongbao.lastError()
  return result === 'paid' ? order.reference : (error?.code ?? '')
}

// @ts-expect-error: there is no such result.
const impossible: PayResult = 'succeeded'
// @ts-expect-error: the address is needed.
createTongbao({})
