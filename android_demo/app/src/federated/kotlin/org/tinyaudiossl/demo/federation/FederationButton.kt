package org.tinyaudiossl.demo.federation

import android.content.Context
import android.content.Intent
import android.util.AttributeSet
import android.widget.Button

/** Opens the screen of the federation; its layout is a part of the main screen's. */
class FederationButton(context: Context, attributes: AttributeSet?) : Button(context, attributes) {
    init {
        setOnClickListener { context.startActivity(Intent(context, FederationActivity::class.java)) }
    }
}
