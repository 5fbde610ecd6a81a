package org.tinyaudiossl.federated.training

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.tinyaudiossl.federated.device.RunRefusedException

class SlicesTest {
    private val layout = SliceLayout("temporal-gap", 2, 3, clipFrames = 10, sliceFrames = 4, strideFrames = 2, context = 1)
    private val logMels = FloatArray(2 * 3 * 10) { it.toFloat() } // a value tells its place
    private val key = longArrayOf(7, 0, CounterRandom.TASK, 5, 0)

    @Test
    fun theGapIsThatOfTheSlices() {
        val found = Slices(layout).draw(logMels, key)
        for (row in 0 until 2) {
            val (first, second) = listOf("first", "second").map { found.getValue(it)[row * 12].toInt() - row * 30 }
            assertTrue(first in 0..6 && second in 0..6)
            assertEquals(Math.abs(first - second) / 6f, found.getValue("gap")[row])
        }
        val slice = found.getValue("first")
        assertEquals(listOf(1f, 10f), listOf(slice[1] - slice[0], slice[4] - slice[0])) // a frame, a band
    }

    @Test
    fun audio2vecCutsNeighborsAroundTheMiddle() {
        val found = Slices(layout.copy(task = "audio2vec-cbow")).draw(logMels, key)
        val middle = found.getValue("middle")
        val context = found.getValue("context")
        for (row in 0 until 2) {
            assertEquals(middle[row * 12] - 2, context[row * 24])
            assertEquals(middle[row * 12] + 2, context[row * 24 + 12])
        }
    }

    @Test
    fun anotherStepDrawsOtherSlicesAndTheSameStepTheSame() {
        val slices = Slices(layout.copy(task = "cola"))
        val one = slices.draw(logMels, key).getValue("anchor")
        assertContentEquals(one, slices.draw(logMels, key).getValue("anchor"))
        val others = (0L..9L).map { slices.draw(logMels, longArrayOf(7, 0, 2, it, 0)).getValue("anchor")[0] }
        assertTrue(others.distinct().size > 3)
    }

    @Test
    fun anUnknownTaskIsRefused() {
        assertFailsWith<RunRefusedException> { Slices(layout.copy(task = "cpc")) }
    }
}
