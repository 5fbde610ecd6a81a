package org.tinyaudiossl.encoder

import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class FramerTest {
    private val sound = FloatArray(10_000) { it.toFloat() }

    private fun windows(framer: Framer, packets: Sequence<Int>): List<List<Float>> {
        val found = ArrayList<List<Float>>()
        var at = 0
        for (size in packets) {
            val n = minOf(size, sound.size - at)
            framer.push(sound.copyOfRange(at, at + n) + Float.NaN, n) { window, end ->
                assertEquals(window.last() + 1, end.toFloat())
                found += window.toList()
            }
            at += n
            if (at == sound.size) break
        }
        return found
    }

    @Test
    fun `windows are the same whatever the packets are`() {
        for ((window, hop) in listOf(1000 to 250, 160 to 160, 300 to 1000, 7 to 3)) {
            val expected = (0..sound.size - window step hop).map { sound.slice(it until it + window) }
            val odd = Random(0)
            val packets = listOf<Sequence<Int>>(
                generateSequence { 1 },
                generateSequence { 37 },
                generateSequence { 160 },
                generateSequence { 4096 },
                generateSequence { sound.size },
                generateSequence { odd.nextInt(0, 2 * window) },
            )
            for (sizes in packets) assertEquals(expected, windows(Framer(window, hop), sizes))
        }
    }

    @Test
    fun `a reset forgets what was heard`() {
        val framer = Framer(4, 2)
        framer.push(FloatArray(3) { 9f }) { _, _ -> error("no window yet") }
        framer.reset()
        val found = ArrayList<FloatArray>()
        framer.push(floatArrayOf(1f, 2f, 3f, 4f)) { window, end ->
            assertEquals(4, end)
            found += window.copyOf()
        }
        assertContentEquals(floatArrayOf(1f, 2f, 3f, 4f), found.single())
    }

    @Test
    fun `sizes that make no sense are refused`() {
        assertFailsWith<IllegalArgumentException> { Framer(0, 1) }
        assertFailsWith<IllegalArgumentException> { Framer(1, 0) }
        assertFailsWith<IllegalArgumentException> { Framer(2, 2).push(FloatArray(1), 2) { _, _ -> } }
    }
}
