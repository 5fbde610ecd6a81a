package org.tinyaudiossl.demo.federation

import java.io.File
import java.nio.file.Files
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.tinyaudiossl.demo.participation.deviceFolder
import org.tinyaudiossl.federated.training.EngineException

/** With stand-ins of ExecuTorch's classes, whose parameters only SGD can write to. */
class TrainingModuleEngineTest {
    private val place = Files.createTempDirectory("engine").toFile()
    private val folder = deviceFolder(place)
    private val inputs = listOf(FloatArray(16) { 0.25f }, FloatArray(16), FloatArray(2))

    @AfterTest
    fun tidy() {
        place.deleteRecursively()
    }

    @Test
    fun `weights are set to the bit, and gradients come in the folder's order`() {
        TrainingModuleEngine(folder).use { engine ->
            for (weights in listOf(FloatArray(7), FloatArray(7) { 1e-7f * (it - 3) }, FloatArray(7) { 1e5f / (it + 1) })) {
                val gradients = FloatArray(7)
                assertEquals(4f, engine.gradients(weights, inputs, gradients))
                assertContentEquals(FloatArray(7) { 2 * weights[it] }, gradients)
            }
        }
    }

    @Test
    fun `log-mels are the front-end's output`() {
        TrainingModuleEngine(folder).use { engine ->
            assertContentEquals(FloatArray(40) { 2f * it }, engine.logMel(FloatArray(40) { it.toFloat() }))
        }
    }

    @Test
    fun `what ExecuTorch refuses is told in its words`() {
        File(place, "logmel.pte").delete()
        val why = assertFailsWith<EngineException> { TrainingModuleEngine(folder) }.message!!
        assertTrue(why.startsWith("ExecuTorch: ") && "logmel.pte: no file" in why, why)
    }
}
