package org.tinyaudiossl.encoder

import java.io.File
import kotlin.random.Random
import org.json.JSONObject
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Tensor
import org.pytorch.executorch.training.SGD
import org.pytorch.executorch.training.TrainingModule

/**
 * A few steps of `training.pte` (`export-training`) on made-up input: whether
 * this phone can train, and how long a step takes. Real clips need their log-mel slices drawn as
 * docs/training-on-device.md says.
 */
class TrainingSteps(folder: File, private val learningRate: Double = 0.01) {
    private val entry = JSONObject(File(folder, Manifest.FILE).readText())
        .getJSONArray("artifacts").getJSONObject(0)
    private val artifact = File(folder, entry.getString("file")).also { file ->
        if (!file.isFile || sha256(file) != entry.getString("sha256")) {
            throw ManifestException("${file.name}: not the file that the manifest describes")
        }
    }

    /**
     * The loss of each of [count] steps.
     * @throws EngineException this app was built without ExecuTorch, or it refuses the artifact.
     */
    fun run(count: Int): List<Float> = try {
        TrainingModule.load(artifact.path).use { module ->
            val inputs = inputs(Random(0))
            List(count) {
                val loss = module.executeForwardBackward(METHOD, *inputs)[0].toTensor()
                SGD.create(module.namedParameters(METHOD), learningRate).step(module.namedGradients(METHOD))
                loss.dataAsFloatArray[0]
            }
        }
    } catch (error: LinkageError) {
        throw EngineException("this app was built without executorch", error)
    } catch (error: RuntimeException) {
        throw EngineException("ExecuTorch: ${error.message}", error)
    }

    private fun inputs(random: Random): Array<EValue> {
        val described = entry.getJSONArray("inputs")
        return Array(described.length()) { i ->
            val input = described.getJSONObject(i)
            val lengths = input.getJSONArray("shape")
            val shape = LongArray(lengths.length()) { lengths.getLong(it) }
            val size = shape.fold(1L, Long::times).toInt()
            val tensor = when (val type = input.getString("dtype")) {
                "float32" -> Tensor.fromBlob(FloatArray(size) { random.nextFloat() - 0.5f }, shape)
                "int64" -> Tensor.fromBlob(LongArray(size), shape)
                else -> throw ManifestException("${input.getString("name")}: of type $type")
            }
            EValue.from(tensor)
        }
    }

    private companion object {
        const val METHOD = "forward"
    }
}
