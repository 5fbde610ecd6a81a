package org.tinyaudiossl.demo

import android.app.Activity
import android.os.Bundle
import android.widget.TextView
import java.io.File
import kotlin.concurrent.thread
import org.tinyaudiossl.encoder.Manifest
import org.tinyaudiossl.encoder.TrainingSteps

/** A few steps of a training artifact in the app's folder; behind a long press on the clips' number. */
class TrainingActivity : Activity() {

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.report)
        val folder = File(getExternalFilesDir(null), "training")
        if (!File(folder, Manifest.FILE).isFile) return show(getString(R.string.training_where, folder.path))
        show(getString(R.string.measuring, folder.path))
        thread(name = "training") {
            val text = try {
                train(folder)
            } catch (error: Exception) { // shown, whatever it is: nobody else reads this screen
                error.message ?: error.toString()
            }
            runOnUiThread { show(text) }
        }
    }

    private fun train(folder: File): String {
        val begin = System.nanoTime()
        val losses = TrainingSteps(folder).run(STEPS)
        val stepMs = (System.nanoTime() - begin) / 1e6 / STEPS
        return getString(R.string.training_losses, losses.joinToString { "%.4f".format(it) }, stepMs)
    }

    private fun show(text: String) {
        findViewById<TextView>(R.id.report).text = text
    }

    private companion object {
        const val STEPS = 5
    }
}
