const { getMenu, placeOrder, yuan } = require('../../utils/shop')

/** @typedef {import('../../utils/shop').Drink} Drink */

Page({
  data: {
    shop: '',
    drinks: /** @type {(Drink & { yuan: string, quantity: number })[]} */ ([]),
    /** What is shown as the sum; the shop's server adds up again. */
    total: '',
    busy: false,
    words: '',
  },

  async onLoad() {
    try {
      const { shop, drinks } = await getMenu()
      this.setData({ shop, drinks: drinks.map((drink) => ({ ...drink, yuan: yuan(drink.price), quantity: 0 })) })
    } catch (error) {
      this.setData({ words: /** @type {Error} */ (error).message })
    }
  },

  /** @param {{ currentTarget: { dataset: Record<string, any> } }} event */
  onMore({ currentTarget: { dataset } }) {
    this.choose(dataset.id, 1)
  },

  /** @param {{ currentTarget: { dataset: Record<string, any> } }} event */
  onLess({ currentTarget: { dataset } }) {
    this.choose(dataset.id, -1)
  },

  /** @param {string} id @param {number} more */
  choose(id, more) {
    const drinks = this.data.drinks.map((drink) =>
      drink.id === id ? { ...drink, quantity: Math.max(0, Math.min(20, drink.quantity + more)) } : drink,
    )
    const total = drinks.reduce((sum, { price, quantity }) => sum + price * quantity, 0)
    this.setData({ drinks, total: total ? yuan(total) : '' })
  },

  async onOrder() {
    const lines = this.data.drinks.map(({ id, quantity }) => ({ id, quantity })).filter(({ quantity }) => quantity)
    this.setData({ busy: true, words: '' })
    try {
      const { id } = await placeOrder(lines)
      my.navigateTo({ url: `/pages/order/order?id=${id}` })
    } catch (error) {
      this.setData({ words: /** @type {Error} */ (error).message })
    }
    this.setData({ busy: false })
  },
})
