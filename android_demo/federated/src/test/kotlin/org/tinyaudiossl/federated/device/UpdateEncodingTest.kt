package org.tinyaudiossl.federated.device

import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class UpdateEncodingTest {
    private val folder = Files.createTempDirectory("feedback").toFile()
    private val update = FloatArray(600) { i -> (i - 300) * 1.001e-3f }

    @Test
    fun everyHalfFloatComesBack() {
        for (bits in Short.MIN_VALUE..Short.MAX_VALUE) {
            val value = HalfFloat.toFloat(bits.toShort())
            if (!value.isNaN()) assertEquals(bits.toShort(), HalfFloat.toBits(value), "$value")
        }
    }

    @Test
    fun halvesRoundToTheNearestAndTiesToEven() {
        val smallest = HalfFloat.toFloat(1)
        val half = 1f / 2048 // of a step above 1
        val pairs = listOf(
            1f + half to 1f,
            1f + 3 * half to 1f + 4 * half,
            65_519f to 65_504f,
            65_520f to Float.POSITIVE_INFINITY,
            smallest / 2 to 0f,
            smallest * 1.5f to 2 * smallest,
        )
        for ((given, expected) in pairs) {
            assertEquals(expected, HalfFloat.toFloat(HalfFloat.toBits(given)), "$given")
            assertEquals(-expected, HalfFloat.toFloat(HalfFloat.toBits(-given)), "-$given")
        }
    }

    @Test
    fun roundingErrorsAreNotLostAndOutliveTheProgram() {
        val rounds = 50
        val sum = DoubleArray(update.size)
        repeat(rounds) {
            val sent = ErrorFeedback(folder).encode(update, Encoding.INT8, seriesId = 1).decoded
            for (i in sum.indices) sum[i] += sent[i].toDouble()
        }
        val step = update.maxOf { Math.abs(it) } / 127
        for (i in sum.indices) assertEquals(rounds * update[i].toDouble(), sum[i], 1.01 * step)
    }

    @Test
    fun anUpdateThatCannotBeSentLeavesNoErrorBehind() {
        val feedback = ErrorFeedback(folder)
        val large = update.copyOf().also { it[0] = 70_000f }
        assertFailsWith<RunRefusedException> { feedback.encode(large, Encoding.FLOAT16, seriesId = 2) }
        val broken = update.copyOf().also { it[0] = Float.NaN }
        assertFailsWith<RunRefusedException> { feedback.encode(broken, Encoding.FLOAT32, seriesId = 2) }
        assertTrue(folder.list().orEmpty().isEmpty())
    }
}
