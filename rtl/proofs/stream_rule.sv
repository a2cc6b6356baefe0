// stream_rule: the rule of a valid/ready stream: what is offered stays, unchanged, until it is taken.
//   Assumed 0: proved of an output; 1: assumed of an input, for whose driver it is proved
// Golden: none. Combinational path: none; it has no outputs.
`default_nettype none
module stream_rule #(
  parameter int unsigned Width   = 8,
  parameter bit          Assumed = 1'b0
) (
  input wire logic             clk_i,
  input wire logic             rst_ni,
  input wire logic             clear_i,  // what is offered in this cycle may be taken back
  input wire logic             valid_i,
  input wire logic             ready_i,
  input wire logic [Width-1:0] data_i
);
  logic stalled_q;  // offered in the last cycle and not taken
  logic [Width-1:0] data_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) stalled_q <= 1'b0;
    else stalled_q <= valid_i && !ready_i && !clear_i;
  end
  always_ff @(posedge clk_i) data_q <= data_i;

  if (Assumed) begin : gen_assume
    always_comb begin
      m_offer_stays   : assume (!stalled_q || valid_i);
      m_payload_still : assume (!stalled_q || data_i == data_q);
    end
  end else begin : gen_assert
    always_comb begin
      a_offer_stays   : assert (!stalled_q || valid_i);
      a_payload_still : assert (!stalled_q || data_i == data_q);
    end
  end
endmodule
`default_nettype wire
