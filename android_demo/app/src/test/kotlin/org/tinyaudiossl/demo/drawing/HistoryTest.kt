package org.tinyaudiossl.demo.drawing

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class HistoryTest {
    @Test
    fun `levels are shown in decibels, and the oldest go`() {
        val history = History()
        listOf(0f, 0.001f, 0.0316228f, 1f).forEach(history::addLevel)
        val expected = listOf(0f, 0f, 0.5f, 1f)
        history.levels().zip(expected) { found, wanted -> assertEquals(wanted, found, 1e-3f) }
        repeat(History.LENGTH) { history.addLevel(1f) }
        assertEquals(List(History.LENGTH) { 1f }, history.levels())
    }

    @Test
    fun `a dimension is shown against what it was before`() {
        val history = History()
        repeat(20) { history.addEmbedding(FloatArray(768) { i -> i + 0.1f * (it % 2) }) }
        assertTrue(history.columns().last().all { it in -0.7f..0.7f })
        history.addEmbedding(FloatArray(768) { i -> i + if (i < 384) 9f else 0f })
        val last = history.columns().last()
        assertEquals(History.BINS, last.size)
        assertTrue(last.take(24).all { it > 0.9f } && last.drop(24).all { it < 0.5f })
    }

    @Test
    fun `an embedding of few dimensions has its columns too`() {
        val history = History()
        history.addEmbedding(floatArrayOf(1f, 2f))
        assertTrue(history.columns().single().all(Float::isFinite))
    }
}
