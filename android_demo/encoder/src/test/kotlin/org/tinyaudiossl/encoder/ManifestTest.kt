package org.tinyaudiossl.encoder

import java.io.File
import kotlin.io.path.createTempDirectory
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class ManifestTest {
    private val folder = createTempDirectory("manifest").toFile()
    private val bytes = "an artifact".toByteArray()
    private val hash = "16a24c27a3e8d0b5a7bd2ae4a9a6d2ff6ee8cbc5e3d9d9f0e2b0a0d0c0b0a090"

    @AfterTest
    fun tidy() {
        folder.deleteRecursively()
    }

    private fun write(
        file: String = "a.onnx",
        version: Int = 3,
        hash: String? = null,
        sliceFrames: Int = 16,
    ): Manifest {
        File(folder, "a.onnx").writeBytes(bytes)
        File(folder, Manifest.FILE).writeText(
            """{"format_version": $version, "sample_rate_hz": 16000, "window_samples": 15600, "later": {},
            "frontend": {"bands": 64}, "encoder": {"readout": ["last", "mel"]},
            "artifacts": [{"file": "$file", "sha256": "${hash ?: sha256(File(folder, "a.onnx"))}",
              "bytes": ${bytes.size}, "format": "onnx", "precision": "fp32",
              "input": {"kind": "stream", "name": "packet", "shape": ["batch", 2560]},
              "outputs": [{"name": "embedding", "shape": ["batch", 768]}, {"name": "heard", "shape": ["batch", 1]}],
              "stream": {"packet_samples": 2560, "packet_frames": 16, "slice_frames": $sliceFrames, "packets": 6,
                "window_samples": 15360, "state": [
                {"input": "past", "output": "next_past", "shape": ["batch", 240]},
                {"input": "summaries", "output": "next_summaries", "shape": ["batch", 6, 897]}]}}]}""",
        )
        return Manifest.open(folder)
    }

    private fun refusal(body: () -> Unit): String = assertFailsWith<ManifestException>(block = body).message!!

    @Test
    fun `what an app needs is read, and the rest left alone`() {
        val manifest = write()
        val artifact = manifest.forListening("onnxruntime")
        assertEquals(16_000, manifest.sampleRateHz)
        assertEquals(listOf(1L, 2560L), artifact.inputShape)
        assertEquals(768 to 512, artifact.embeddingDim to artifact.learnedDim)
        assertEquals(15_360, artifact.windowSamples)
        assertEquals(listOf("embedding", "heard"), artifact.outputs)
        assertEquals(listOf("past" to 240, "summaries" to 6 * 897), artifact.state.map { it.input to it.size })
        artifact.check(File(folder, "a.onnx"))
        assertEquals(2560, artifact.fullAfterSamples)
        assertEquals(15_360, write(sliceFrames = 96).artifacts.single().fullAfterSamples) // read anew each time
    }

    @Test
    fun `an altered artifact is refused by size and by hash`() {
        val artifact = write().artifacts.single()
        File(folder, "a.onnx").appendText("!")
        assertContains(refusal { artifact.check(File(folder, "a.onnx")) }, "12 bytes, expected 11")
        File(folder, "a.onnx").writeText("An artifact")
        assertContains(refusal { artifact.check(File(folder, "a.onnx")) }, "not the file")
        assertContains(refusal { TinyAudioEncoder.open(folder) }, "not the file")
        File(folder, "a.onnx").delete()
        assertContains(refusal { artifact.check(File(folder, "a.onnx")) }, "not found")
    }

    @Test
    fun `a manifest of another artifact is refused`() {
        write(hash = hash)
        assertContains(refusal { TinyAudioEncoder.open(folder) }, "export again")
        write(file = "b.onnx")
        assertContains(refusal { TinyAudioEncoder.open(folder, "a.onnx") }, "not in the manifest")
        assertContains(refusal { TinyAudioEncoder.open(folder, runtime = "executorch") }, "for executorch")
    }

    @Test
    fun `the version before is read too`() {
        assertEquals(write(version = 3), write(version = 2))
    }

    @Test
    fun `another version or another file is refused`() {
        assertContains(refusal { write(version = 1) }, "version 1, this app reads 2 and 3")
        assertContains(refusal { write(version = 4) }, "version 4")
        assertContains(refusal { Manifest.parse("{") }, "not a manifest")
        assertContains(refusal { Manifest.parse("""{"format_version": 3}""") }, "not a manifest")
        assertContains(refusal { Manifest.open(File(folder, "none")) }, "not found")
    }

    @Test
    fun `sound as trained first, streams before waveforms, int8 before fp32, mel never`() {
        val one = write().artifacts.single()
        val all = Manifest(
            16_000,
            listOf("mel", "waveform", "stream").flatMap { kind ->
                listOf("fp32", "int8").map { one.copy(file = "$kind.$it", inputKind = kind, precision = it) }
            },
        )
        assertEquals("stream.int8", all.forListening("onnxruntime").file)
        val sliced = all.artifacts.map { it.copy(asTrained = it.inputKind != "stream") }
        assertEquals("waveform.int8", all.copy(artifacts = sliced).forListening("onnxruntime").file)
        val windows = all.copy(artifacts = all.artifacts.filter { it.inputKind != "stream" })
        assertEquals("waveform.int8", windows.forListening("onnxruntime").file)
        val mel = all.copy(artifacts = all.artifacts.filter { it.inputKind == "mel" })
        refusal { mel.forListening("onnxruntime") }
    }
}
