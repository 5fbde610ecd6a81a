package org.tinyaudiossl.encoder

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.sin
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertTrue

class ResamplerTest {
    private fun tone(hz: Double, rateHz: Int, samples: Int) =
        FloatArray(samples) { sin(2 * PI * hz * it / rateHz).toFloat() }

    @Test
    fun `a tone below half the new rate stays, at its time, and one above goes`() {
        for (rateHz in listOf(48_000, 44_100, 22_050, 32_000)) {
            for (hz in listOf(300.0, 1_000.0, 6_000.0)) {
                val found = Resampler(rateHz, 16_000).push(tone(hz, rateHz, rateHz))
                val expected = tone(hz, 16_000, found.size)
                val worst = (200 until found.size).maxOf { abs(found[it] - expected[it]) }
                assertTrue(worst < 5e-4, "$rateHz Hz, tone of $hz Hz: off by $worst")
                assertTrue(found.size in 15_850..16_000)
            }
            if (rateHz < 22_000) continue
            val folded = Resampler(rateHz, 16_000).push(tone(10_000.0, rateHz, rateHz))
            assertTrue((200 until folded.size).maxOf { abs(folded[it]) } < 1e-4)
        }
    }

    @Test
    fun `packets of any size give the same samples`() {
        val sound = FloatArray(44_100) { Random(it).nextFloat() - 0.5f }
        val whole = Resampler(44_100, 16_000).push(sound)
        val sizes = Random(1)
        val cut = Resampler(44_100, 16_000)
        val parts = ArrayList<Float>()
        var at = 0
        while (at < sound.size) {
            val n = minOf(sizes.nextInt(0, 3_000), sound.size - at)
            parts += cut.push(sound.copyOfRange(at, at + n) + Float.NaN, n).toList()
            at += n
        }
        assertContentEquals(whole, parts.toFloatArray())
    }
}
