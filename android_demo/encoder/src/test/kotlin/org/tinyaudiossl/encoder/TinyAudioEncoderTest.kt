package org.tinyaudiossl.encoder

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

/** Its bookkeeping, over an engine that can be followed by hand; real artifacts are run from Python. */
class TinyAudioEncoderTest {
    /** Gives the sum of the packet, the packets so far (its state), and that again as the next state. */
    private class Counting : InferenceEngine {
        override val runtime = "test"
        override val runtimeVersion = "0"
        override val inputShapes = null
        var closed = false

        override fun run(inputs: List<Tensor>): List<FloatArray> {
            val packets = inputs.getOrNull(1)?.data?.first() ?: 0f
            val next = floatArrayOf(packets + 1)
            return listOf(floatArrayOf(inputs[0].data.sum(), packets), next, next)
        }

        override fun close() {
            closed = true
        }
    }

    private val window = Artifact(
        "w.onnx", "", 0, "onnxruntime", "fp32", "waveform", listOf(1, 8), listOf("embedding"), 2, 8, emptyList(),
    )
    private val stream = window.copy(
        inputKind = "stream",
        inputShape = listOf(1, 4),
        outputs = listOf("embedding", "heard"),
        state = listOf(State("past", "next_past", listOf(1, 1))),
    )
    private val sound = FloatArray(22) { 1f }

    @Test
    fun `a waveform artifact hears a window at every hop`() {
        val found = TinyAudioEncoder(window, Counting(), hopSamples = 4).push(sound)
        assertEquals(listOf(0L to 8L, 4L to 12L, 8L to 16L, 12L to 20L), found.map { it.startSample to it.endSample })
        assertEquals(listOf(8f, 0f), found.first().vector.toList())
    }

    @Test
    fun `a stream hands its state on, and begins anew after a reset`() {
        val encoder = TinyAudioEncoder(stream, Counting())
        val found = sound.toList().chunked(3).flatMap { encoder.push(it.toFloatArray()) }
        assertEquals(listOf(0f, 1f, 2f, 3f, 4f), found.map { it.vector[1] })
        assertEquals(listOf(0L, 0L, 4L, 8L, 12L), found.map { it.startSample })
        assertEquals(listOf(4L, 8L, 12L, 16L, 20L), found.map { it.endSample })
        encoder.reset()
        val again = encoder.push(sound).first()
        assertEquals(listOf(0f, 0L, 4L), listOf(again.vector[1], again.startSample, again.endSample))
    }

    @Test
    fun `an artifact that takes no sound is refused, and the engine is closed`() {
        assertFailsWith<IllegalArgumentException> { TinyAudioEncoder(window.copy(inputKind = "mel"), Counting()) }
        val engine = Counting()
        TinyAudioEncoder(window, engine).close()
        assertEquals(true, engine.closed)
    }
}
