/** One drink of the menu, and how many of it are wanted. Tells `change` with `{ id, quantity }`. */
Component({
  options: { styleIsolation: 'apply-shared' },

  properties: {
    drink: { type: Object, value: /** @type {Record<string, any>} */ ({}) },
    price: { type: String, value: '' },
  },

  data: { quantity: 0 },

  methods: {
    onMore() {
      this.choose(this.data.quantity + 1)
    },

    onLess() {
      this.choose(this.data.quantity - 1)
    },

    /** @param {number} quantity */
    choose(quantity) {
      this.setData({ quantity: Math.max(0, Math.min(20, quantity)) })
      this.triggerEvent('change', { id: this.data.drink.id, quantity: this.data.quantity })
    },
  },
})
